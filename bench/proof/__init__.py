"""Tests of the bench itself against servers with known behaviour."""
