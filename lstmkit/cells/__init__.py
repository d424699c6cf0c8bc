"""The cells' equations, written once: plain expressions of sigmoid, tanh, + - and *."""
