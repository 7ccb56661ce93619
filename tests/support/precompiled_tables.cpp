// Carries the precompiled header of the tests that talk to actors.
