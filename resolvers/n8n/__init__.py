"""n8n's workflow exports, read into our definition with a report of all that did not map, and
written back.

A node's n8n attributes are kept as they are in ``config`` (``parameters``, ``typeVersion`` …),
sticky notes become notes, and each connection becomes an edge whose ports are ``type:index``.
Recorded data, credential references and n8n's own bookkeeping are left out and reported.
"""

from resolvers.n8n.reading import read_export, read_exports
from resolvers.n8n.writing import ExportRefused, write_export

__all__ = ["ExportRefused", "read_export", "read_exports", "write_export"]
