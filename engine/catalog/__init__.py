"""What is ordered, recorded and told, in a SQL database."""

from engine.catalog.catalog import Catalog

__all__ = ["Catalog"]
