"""Every reason for which an import stops, by its stable code: what it means, and what a person can do.

The sentence of the download itself names the files; these are the general ones, for documentation and for programs.
"""

from acquisition.domain.paths_map import Missing

CHECKS: dict[str, str] = {
    "readable": "A file cannot be read, or is a link. Give this user the permission, or put the file itself there.",
    "finished": "Files of the download are still on their way. Wait for its client, or finish it there.",
    "harmless": "A program lies beside the book, which no audiobook needs. The release is at fault; the next best one is taken.",
    "unpacking": "Another program still writes or unpacks there. It is looked at every minute, and asked of you after two hours.",
    "owned": "The book is on the shelf as good as this, or the profile allows no upgrade. Import anyway to replace it.",
    "downgrade": "What is on the shelf is better. Import anyway to replace it all the same; the old files go to the bin.",
    "audio": "There is no sound in it, or it is packed in a way that is not unpacked. The release is at fault if it is whole.",
    "one_book": "It holds several books. Import by hand what you want of it.",
    "parts": "Parts of the book are missing, or are there twice. Get what is missing, or choose another release.",
    "decodes": "The sound cannot be decoded. The release is at fault; the next best one is taken.",
    "sample": "It is shorter than a minute: a sample, or cut off. Choose another release.",
    "duration": "Its length differs from the catalogue's by more than the tolerance. Listen to it, then import anyway.",
    "same_book": "Its tags name another title; with another author, too, the release is at fault.",
    "language": "It is in a language that you do not want. Import anyway, or choose another release.",
    "narrator": "Another voice reads it than the release promised. Import anyway, or choose another release.",
    "abridged": "It is abridged, and you want it whole. Import anyway, or choose another release.",
    "pack_files": "The files of this book are not in the pack. Choose them by hand, or cancel.",
}
ARCHIVES: dict[str, str] = {
    "archive_refused": "It leads out of its folder, holds links, or unpacks to far too much. Unpack it by hand only if you trust it.",
    "archive_locked": "The package needs a password. Unpack it in its folder, then import again.",
    "archive_broken": "The package is damaged, or packed in a way that is not known. Choose another release.",
    "archive_incomplete": "A volume of the package is missing. Get it, then import again.",
    "archive_tool": "A compressed rar needs a program that is not installed: install unar, then import again.",
}
DISK: dict[str, str] = {
    "no_book": "Nobody said which book this is. Choose it, then import.",
    "no_root": "There is no library to file into. Add one, or give the Audiobookshelf library its local path.",
    "bad_template": "The naming template of the library cannot be used. Mend it, then import again.",
    "root_absent": "The library's folder is not there or empty. Mount its disk, then import again.",
    "root_without_path": "The library has no local path. Set it to the folder where its files are from here.",
    "outside_root": "The book would lie outside of the library, behind a link. Nothing is written.",
    "target_exists": "The folder is there already; nothing is overwritten. Move it away, or cancel.",
    "target_vanished": "The folder vanished while it was filed. Import it again.",
    "source_gone": "Files went away while they were filed. Import again when they are back.",
    "source_is_link": "A file is a link. Put the file itself there.",
    "verify_failed": "A file is not as long after placing as before. Import it again.",
    "unreadable": "The folder cannot be read back after placing. Look at it, then import again.",
    "hardlink_impossible": "No hardlink is possible, and copying is switched off. Use one file system, or allow copies.",
    "disk_full": "The disk is full. Make room, then import again.",
    "file_too_large": "The disk takes no file this large. Use another disk, then import again.",
    "not_writable": "The disk or folder cannot be written. Give this user the permission.",
    "disk_error": "The disk failed. Check it, then import again.",
    "path_is_link": "The download is a link; links are not followed. Import the folder that it leads to.",
}
PATHS: dict[str, str] = {
    f"path_{Missing.NO_PATH}": "The client does not say where the files are. Look into it, then import again.",
    f"path_{Missing.NOT_ABSOLUTE}": "The client names no whole path. Set its download folder to a whole path.",
    f"path_{Missing.FOREIGN_PATH}": "The client runs on another system, whose paths mean nothing here. Add a path mapping.",
    f"path_{Missing.NO_MAPPING}": "The client's folder does not exist here, as in containers. Mount it, or add a path mapping.",
    f"path_{Missing.ROOT_ABSENT}": "The mapped folder is not there. Mount its disk, or correct the mapping.",
    f"path_{Missing.ROOT_UNREADABLE}": "The mapped folder may not be read. Give this user the permission.",
    f"path_{Missing.ROOT_EMPTY}": "The mapped folder is empty, as a mount point is whose disk is away. Mount it.",
    f"path_{Missing.CASE_DIFFERS}": "Only capital letters differ. Correct the mapping.",
    f"path_{Missing.NOT_THERE}": "The files are not there. Look whether they were moved or deleted.",
}
IMPORT_CODES: dict[str, str] = {**CHECKS, **ARCHIVES, **DISK, **PATHS}
