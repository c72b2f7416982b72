"""Files that lie: builders that write every container byte by byte, and the catalogue of lies.

Nothing here writes with pickle, zipfile or torch: those libraries refuse to tell most such lies.
Every payload is inert: at its worst it would create the file named by `payload.MARKER`, and the
tests assert that no such file ever appears.
"""
