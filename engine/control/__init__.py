"""Control: which streams are recorded, when and how. Knows no HTTP."""
