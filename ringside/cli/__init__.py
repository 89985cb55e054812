"""The command line, `ringside`: quote an order, repeat a receipt, audit a fill."""
