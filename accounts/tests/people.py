"""The cast of tests: a person of each role, and a browser signed in as each."""

from django.test import Client

from accounts.models import Role, User
from accounts.services.users import create_user

PASSWORD = "correct horse battery staple"


def cast() -> dict[str, User]:
    """A person of each role."""
    return {
        role: create_user(username=f"a-{role}", email=f"{role}@example.org", password=PASSWORD, role=role)
        for role in Role.values
    }


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
