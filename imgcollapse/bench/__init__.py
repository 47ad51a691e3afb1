"""Speed side by side with what people write today, on the machine at hand."""
