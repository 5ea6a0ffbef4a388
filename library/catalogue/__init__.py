"""Public-domain audiobooks and their series, as data that ships with the product. See docs/catalogue.md."""
