"""Delivery to GitHub: the token, the push of a verified commit, pull requests, and what continuous integration says.

Everything here can be done again after a crash without doing it twice. What GitHub, a git server or a check says is
hostile text: it is cleaned and bounded where it comes in. The token is a `Token` everywhere and leaves this room in two
ways only: as a request header, and in the environment of a `git push`. No event is written and no state is kept here;
the phase that calls decides what a failure means for the run. httpx is imported by the first request.
"""
