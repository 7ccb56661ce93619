// Carries the precompiled message tables that floors 3 and 4 reuse.
