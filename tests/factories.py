"""Objects that exist before a test begins. One section per room; defaults are what most tests want."""
