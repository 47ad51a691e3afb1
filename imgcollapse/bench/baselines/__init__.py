"""The other side: loops as a good user of the libraries writes them today."""
