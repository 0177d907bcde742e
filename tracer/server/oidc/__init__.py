"""Sign-in of people by an OpenID Connect provider, on a server of projects."""
