"""A small demonstration: a shelf of public-domain titles with gaps, and a source on loopback that fills them."""
