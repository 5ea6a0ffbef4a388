"""What is inside audio files: duration, codec, chapters and tags, and whether the sound can be decoded.

mutagen reads most files (it is fast and sees every tag); PyAV, which carries FFmpeg's libraries, reads what mutagen
cannot and decodes. No program is started. Nothing here raises for what a file holds: every fault is a Problem.
"""

from library.clients.audio.decode import DecodeResult, decode_check
from library.clients.audio.facts import AudioFacts, Chapter
from library.clients.audio.probe import probe

__all__ = ["AudioFacts", "Chapter", "DecodeResult", "decode_check", "probe"]
