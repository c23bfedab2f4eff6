"""The version of everything in this repository; the build reads it from here."""

VERSION = "0.1.0"
