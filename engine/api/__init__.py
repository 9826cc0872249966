"""The HTTP interface: three dialects of one control plane, signed as their clouds sign."""
