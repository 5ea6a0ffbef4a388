"""The kernel of the API: what every app's endpoints share. It knows no app; what it needs of them comes by settings."""
