"""The full-text index of books, with the triggers that keep it right."""

from django.db import migrations

from library.models.search_index import install, remove


class Migration(migrations.Migration):
    dependencies = [("library", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
