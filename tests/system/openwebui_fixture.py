"""Databases of Open WebUI as its migrations leave them, for tests and benches.

`make_tables(db, "2024")` has what alembic's first revisions make: tags of chats in a table, the
configuration as one JSON text. `"2026"` has the columns and tables that came later: folders, access
grants, the configuration by key, messages in rows of their own.
"""

import json
import sqlite3

TABLES_OF_ALL = """
CREATE TABLE auth (id VARCHAR(255) NOT NULL PRIMARY KEY, email VARCHAR(255) NOT NULL,
  password TEXT NOT NULL, active INTEGER NOT NULL);
CREATE TABLE "user" (id VARCHAR(255) NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL,
  email VARCHAR(255) NOT NULL, role VARCHAR(255) NOT NULL, profile_image_url TEXT NOT NULL,
  api_key VARCHAR(255), created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  last_active_at INTEGER NOT NULL, settings TEXT, info TEXT, oauth_sub TEXT);
CREATE TABLE file (id TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, filename TEXT NOT NULL,
  meta TEXT NOT NULL, created_at INTEGER NOT NULL);
"""

TABLES = {
    "2024": TABLES_OF_ALL + """
CREATE TABLE chat (id VARCHAR(255) NOT NULL PRIMARY KEY, user_id VARCHAR(255) NOT NULL,
  title TEXT NOT NULL, chat TEXT NOT NULL, share_id VARCHAR(255), archived INTEGER NOT NULL,
  created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL);
CREATE TABLE tag (id VARCHAR(255) NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL,
  user_id VARCHAR(255) NOT NULL, data TEXT);
CREATE TABLE chatidtag (id VARCHAR(255) NOT NULL PRIMARY KEY, tag_name VARCHAR(255) NOT NULL,
  chat_id VARCHAR(255) NOT NULL, user_id VARCHAR(255) NOT NULL, timestamp INTEGER NOT NULL);
CREATE TABLE model (id TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, base_model_id TEXT,
  name TEXT NOT NULL, meta TEXT NOT NULL, params TEXT NOT NULL, created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL);
CREATE TABLE config (id INTEGER NOT NULL PRIMARY KEY, data JSON NOT NULL, version INTEGER NOT NULL,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP NOT NULL, updated_at DATETIME);
""",
    "2026": TABLES_OF_ALL + """
CREATE TABLE chat (id VARCHAR(255) NOT NULL PRIMARY KEY, user_id VARCHAR(255) NOT NULL,
  title TEXT NOT NULL, share_id VARCHAR(255), archived INTEGER NOT NULL,
  created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, chat JSON, pinned BOOLEAN,
  meta JSON DEFAULT '{}' NOT NULL, folder_id TEXT, tasks JSON, summary TEXT, last_read_at BIGINT);
CREATE TABLE tag (id VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL,
  user_id VARCHAR(255) NOT NULL, meta JSON, PRIMARY KEY (id, user_id));
CREATE TABLE folder (id TEXT NOT NULL, parent_id TEXT, user_id TEXT NOT NULL, name TEXT NOT NULL,
  items JSON, meta JSON, is_expanded BOOLEAN NOT NULL, created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL, data JSON, PRIMARY KEY (id, user_id));
CREATE TABLE model (id TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, base_model_id TEXT,
  name TEXT NOT NULL, meta TEXT NOT NULL, params TEXT NOT NULL, created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL, is_active BOOLEAN DEFAULT 1 NOT NULL);
CREATE TABLE access_grant (id TEXT NOT NULL PRIMARY KEY, resource_type TEXT NOT NULL,
  resource_id TEXT NOT NULL, principal_type TEXT NOT NULL, principal_id TEXT NOT NULL,
  permission TEXT NOT NULL, created_at BIGINT NOT NULL,
  UNIQUE (resource_type, resource_id, principal_type, principal_id, permission));
CREATE TABLE config ("key" TEXT NOT NULL PRIMARY KEY, value JSON NOT NULL, updated_at BIGINT);
CREATE TABLE chat_message (id TEXT NOT NULL PRIMARY KEY,
  chat_id TEXT NOT NULL REFERENCES chat (id) ON DELETE CASCADE, user_id TEXT, role TEXT NOT NULL,
  parent_id TEXT, content JSON, output JSON, model_id TEXT, files JSON, sources JSON, embeds JSON,
  meta JSON, done BOOLEAN, status_history JSON, error JSON, usage JSON, context_summary TEXT,
  created_at BIGINT, updated_at BIGINT);
CREATE INDEX chat_message_chat_parent_idx ON chat_message (chat_id, parent_id);
""",
}


class openwebui_db:
    """One of them, to be filled."""

    def __init__(self, path, version):
        self.version = version
        self.db = sqlite3.connect(path)
        self.db.executescript(TABLES[version])

    def close(self):
        self.db.commit()
        self.db.close()

    def insert(self, table, **row):
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        values = [json.dumps(value) if isinstance(value, (dict, list)) else value
                  for value in row.values()]
        self.db.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', values)

    def user(self, key, name, email, role, password=None, active=1):
        self.insert("user", id=key, name=name, email=email, role=role, profile_image_url="/u.png",
                    created_at=1_700_000_000, updated_at=1_700_000_100,
                    last_active_at=1_700_000_200)
        if password is not None:
            self.insert("auth", id=key, email=email, password=password, active=active)

    def chat(self, key, owner, title, conversation, **more):
        self.insert("chat", id=key, user_id=owner, title=title, chat=conversation,
                    created_at=1_710_000_000, updated_at=1_710_000_500,
                    archived=more.pop("archived", 0), **more)

    def model(self, key, owner, name, base=None, params=None, **more):
        self.insert("model", id=key, user_id=owner, base_model_id=base, name=name, meta={},
                    params=params or {}, created_at=1_705_000_000, updated_at=1_705_000_000, **more)

    def grant(self, number, model, who, principal):
        self.insert("access_grant", id=str(number), resource_type="model", resource_id=model,
                    principal_type=who, principal_id=principal, permission="read", created_at=1)

    def settings(self, values):
        """By their paths: {"openai.api_keys": […]}."""
        if self.version == "2026":
            for path, value in values.items():
                self.insert("config", key=path, value=json.dumps(value), updated_at=1)
            return
        data = {}
        for path, value in values.items():
            place = data
            for step in path.split(".")[:-1]:
                place = place.setdefault(step, {})
            place[path.split(".")[-1]] = value
        self.insert("config", data=data, version=0)


def message(key, parent, role, content, at, **more):
    return {"id": key, "parentId": parent, "childrenIds": [], "role": role, "content": content,
            "timestamp": at, **more}


def conversation(messages, current, models):
    return {"models": models, "params": {}, "tags": [],
            "history": {"messages": {each["id"]: each for each in messages},
                        "currentId": current}}


def fill_many(path, messages, chats, users=100):
    """`messages` of about 500 bytes, in so many chats with one branch each."""
    made = openwebui_db(path, "2026")
    words = ("the arch carries its load along the line of pressure while cables hang in tension "
             "and a beam bends between both; engineers choose by span soil and price ").split()
    for i in range(users):
        made.user(f"u{i}", f"User {i}", f"user{i}@example.org", "user",
                  "$2b$12$" + "abcdefghijklmnopqrstuu" + "A" * 31)
    each = messages // chats
    for number in range(chats):
        listed = []
        for i in range(each):
            text = " ".join(words[(number * 7 + i * 13 + k * 5) % len(words)] for k in range(75))
            role = "assistant" if i % 2 else "user"
            more = {"model": "gpt-4o", "modelName": "gpt-4o", "done": True} if i % 2 else {}
            parent = f"m{i - 1}" if i else None
            # Some replies have a sibling: it hangs on the same question.
            if i % 20 == 19:
                parent = f"m{i - 3}"
            listed.append(message(f"m{i}", parent, role, f"{number}.{i} {text}",
                                  1_710_000_000 + number * 10 + i, **more))
        made.chat(f"c{number}", f"u{number % users}", f"Chat {number}",
                  conversation(listed, f"m{each - 1}", ["gpt-4o"]))
    made.settings({"openai.api_base_urls": ["https://api.openai.com/v1"],
                   "openai.api_keys": ["sk-bench"]})
    made.close()
