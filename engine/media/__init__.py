"""The vocabulary of the data path: batches, tracks, codecs, formats, events, limits. No IO."""
