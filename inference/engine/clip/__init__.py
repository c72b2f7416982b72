"""CLIP's own vocabulary, so that a checkpoint in one file needs nothing else to read a prompt.

`merges.txt.gz`: the 48,894 merges of byte pairs that CLIP was trained with, in their order, from
open_clip (MIT, see LICENSE; OpenAI's CLIP, MIT, has the same). The vocabulary follows from them.
"""
