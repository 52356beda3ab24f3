"""Put the parts together: settings in, a running bot out. Only this package and `cli` know the adapters."""
