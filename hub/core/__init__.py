"""The pure heart of the hub: values in, values out, no clock, no input or output."""
