"""Users with sessions and messages, made in a server's database, for benches of many users."""

import contextlib
import json
import random
import re
import sqlite3
import time
import uuid
from dataclasses import dataclass

WORDS = ["server", "reader", "message", "stream", "token", "session", "answer", "question",
         "bridge", "window", "history", "model"]
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def indexed(owner, text):
    """The rule of chat/search_text for plain English."""
    mark = ""
    while owner or not mark:
        owner, digit = divmod(owner, 36)
        mark = DIGITS[digit] + mark
    return " ".join(f"{mark}.{word}" for word in re.findall("[a-z0-9]+", text.lower()))


def indexed_parts(owner, parts):
    return indexed(owner, "".join(part.get("text", "") for part in json.loads(parts)))


def fill(db, session, count, chance, words_each=40):
    """A conversation of so many messages; the id of one of them."""
    key, parent, one = uuid.UUID(session).bytes, None, None
    now = int(time.time() * 1000)
    for number in range(count):
        words = " ".join(chance.choices(WORDS, k=words_each)) + f" rare{chance.randrange(100_000)}"
        one = uuid.UUID(int=(now << 80) | (7 << 76) | (2 << 62) | chance.getrandbits(62))
        db.execute(
            "INSERT INTO messages(id,version,created_at,updated_at,session_id,parent_id,role,"
            "status,tokens,pinned,metadata,measure,parts)"
            " VALUES(?,1,?,?,?,?,?,'complete',?,0,'{}',?,?)",
            (one.bytes, now, now, key, parent, "assistant" if number % 2 else "user",
             '{"count":60,"vocabulary":"o200k_base","estimated":false}',
             '{"cl100k":60,"o200k":60}', json.dumps([{"type": "text", "text": words}])))
        parent = one.bytes
    db.execute("UPDATE sessions SET message_count=?, active_leaf_id=?, last_message_at=?"
               " WHERE id=?", (count, parent, now, key))
    return str(one)


@dataclass
class extent:
    users: int = 100
    sessions_per_user: int = 10
    messages_per_session: int = 90
    long_session: int = 10_000  # messages of one session of the first user
    words_each: int = 40        # in a message of that session


class population:
    """`tokens`, `sessions` and one of the `messages` of each session, by user; the first is ADMIN.
    The server is stopped when it stands."""

    def __init__(self, support, server, size):
        admin = server.start().client()
        admin.token = self._register(support, admin, "ada")
        assert admin.patch("/api/settings/system", {"registration": "open"}).status == 200
        self.tokens = [admin.token]
        for number in range(1, size.users):
            self.tokens.append(self._register(support, server.client(), f"user{number}"))
        self.sessions = [[self._add_session(server, token, number)
                          for number in range(size.sessions_per_user)] for token in self.tokens]
        self.long_session = self._add_session(server, admin.token, 99)
        server.stop()
        chance = random.Random(1)
        with contextlib.closing(sqlite3.connect(next(support.databases(server.data)))) as db, db:
            db.create_function("indexed_text", 2, indexed)
            db.create_function("indexed_parts", 2, indexed_parts)
            self.messages = [[fill(db, session, size.messages_per_session, chance)
                              for session in own] for own in self.sessions]
            fill(db, self.long_session, size.long_session, chance, size.words_each)

    @staticmethod
    def _register(support, caller, name):
        reply = caller.post("/api/auth/register", {"username": name, "password": support.PASSWORD})
        assert reply.status == 201, reply.body
        return reply.body["accessToken"]

    @staticmethod
    def _add_session(server, token, number):
        caller = server.client()
        caller.token = token
        return caller.post("/api/sessions", {"title": f"Session {number}"}).body["id"]
