"""The schema's history, one Alembic revision a file. Run by `kit/migrate.py`; there is no alembic.ini."""
