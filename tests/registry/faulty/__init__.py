"""An app for workers that must fail: at the moments that a test names, once each.

FAULTS in the environment lists them: "kill:read:before pause:store:after". A killed worker is
killed as by the kernel; a paused one says where it is and waits. Moments are before and after each
step of the ingest, `during` reading, and around the `end` of an upload that is not taken.
"""
