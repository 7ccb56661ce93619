-- The first schema. Columns are named like the members of the records in schema/*.hpp; ids are the
-- 16 bytes of a UUIDv7, instants milliseconds since 1970, enums their names, nested values JSON.
-- Long texts stand last in a row: reading what is before them costs no overflow pages.

-- "Prly": tells our files from other SQLite databases.
PRAGMA application_id = 1349676153;

CREATE TABLE users (
  id                   BLOB    NOT NULL PRIMARY KEY,
  version              INTEGER NOT NULL,
  created_at           INTEGER NOT NULL,
  updated_at           INTEGER NOT NULL,
  username             TEXT    NOT NULL,
  display_name         TEXT,
  email                TEXT,
  role                 TEXT    NOT NULL,
  status               TEXT    NOT NULL,
  must_change_password INTEGER NOT NULL,
  last_login_at        INTEGER,
  labels               TEXT    NOT NULL,
  password_hash        TEXT    NOT NULL,
  token_version        INTEGER NOT NULL,
  reset_hash           TEXT    NOT NULL,
  reset_expires_at     INTEGER
) STRICT;

-- Names differ in more than ASCII case; those of erased accounts are free again.
CREATE UNIQUE INDEX users_by_name ON users (username COLLATE NOCASE) WHERE status <> 'erased';
CREATE INDEX users_erased ON users (id) WHERE status = 'erased';
CREATE INDEX users_admins ON users (id) WHERE role = 'ADMIN' AND status = 'active';

CREATE TABLE logins (
  id           BLOB    NOT NULL PRIMARY KEY,
  owner_id     BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  address      TEXT    NOT NULL,
  user_agent   TEXT    NOT NULL,
  refresh_hash TEXT    NOT NULL
) STRICT;

CREATE INDEX logins_by_owner ON logins (owner_id, id);
CREATE INDEX logins_by_expiry ON logins (expires_at);

-- A refresh token used twice was stolen: the spent ones are remembered.
CREATE TABLE spent_refresh_tokens (
  hash     TEXT    NOT NULL PRIMARY KEY,
  login_id BLOB    NOT NULL REFERENCES logins (id) ON DELETE CASCADE,
  spent_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_refresh_tokens_by_login ON spent_refresh_tokens (login_id);
CREATE INDEX spent_refresh_tokens_by_time ON spent_refresh_tokens (spent_at);

CREATE TABLE user_settings (
  owner_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  settings TEXT NOT NULL
) STRICT;

CREATE TABLE system_settings (
  id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  settings TEXT    NOT NULL
) STRICT;

CREATE TABLE api_keys (
  id           BLOB    NOT NULL PRIMARY KEY,
  version      INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  owner_id     BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name         TEXT    NOT NULL,
  prefix       TEXT    NOT NULL,
  scopes       TEXT    NOT NULL,
  models       TEXT,
  expires_at   INTEGER,
  budget       TEXT,
  last_used_at INTEGER,
  token_hash   TEXT    NOT NULL
) STRICT;

CREATE INDEX api_keys_by_owner ON api_keys (owner_id, id);

CREATE TABLE quotas (
  id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  quotas TEXT    NOT NULL
) STRICT;

-- What replies have used, summed up by a quarter of an hour: a busy user's year is a few thousand
-- rows. `key_id` is all zero for logins, `currency` empty where there was no price; models and keys
-- that are gone keep their names here.
CREATE TABLE usage_slots (
  owner_id          BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  slot              INTEGER NOT NULL,
  model_id          BLOB    NOT NULL,
  key_id            BLOB    NOT NULL,
  currency          TEXT    NOT NULL,
  model_name        TEXT    NOT NULL,
  label             TEXT    NOT NULL,
  requests          INTEGER NOT NULL,
  prompt_tokens     INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  reasoning_tokens  INTEGER NOT NULL,
  cached_tokens     INTEGER NOT NULL,
  cost              INTEGER NOT NULL,
  PRIMARY KEY (owner_id, slot, model_id, key_id, currency)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_slots_by_time ON usage_slots (slot);

-- Without an owner it is a system model.
CREATE TABLE model_configs (
  id             BLOB    NOT NULL PRIMARY KEY,
  version        INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  owner_id       BLOB    REFERENCES users (id) ON DELETE CASCADE,
  name           TEXT    NOT NULL,
  provider       TEXT    NOT NULL,
  base_url       TEXT    NOT NULL,
  model          TEXT    NOT NULL,
  sealed_key     TEXT    NOT NULL,
  key_hint       TEXT    NOT NULL,
  weight         INTEGER NOT NULL,
  channels       TEXT    NOT NULL,
  channel_keys   TEXT    NOT NULL,
  fallback_model_id BLOB,
  ca_certificates TEXT,
  context_window INTEGER NOT NULL,
  max_tokens     INTEGER,
  params         TEXT    NOT NULL,
  prices         TEXT,
  capabilities   TEXT,
  enabled        INTEGER NOT NULL,
  access         TEXT    NOT NULL,
  place          INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX model_configs_of_owner ON model_configs (owner_id, name)
  WHERE owner_id IS NOT NULL;
CREATE UNIQUE INDEX model_configs_of_system ON model_configs (name) WHERE owner_id IS NULL;

CREATE TABLE folders (
  id            BLOB    NOT NULL PRIMARY KEY,
  version       INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  owner_id      BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name          TEXT    NOT NULL,
  parent_id     BLOB,
  place         INTEGER NOT NULL,
  model_id      BLOB,
  system_prompt TEXT
) STRICT;

CREATE INDEX folders_by_owner ON folders (owner_id, id);

-- model_id is no foreign key here and in messages, nor folder_id: erasing a model must neither touch every row
-- that names it nor fail a reply that is being written. An id is never used again, so queries show
-- the id of a model or folder that is gone as null.
CREATE TABLE sessions (
  id               BLOB    NOT NULL PRIMARY KEY,
  version          INTEGER NOT NULL,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  owner_id         BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  title            TEXT    NOT NULL,
  title_source     TEXT    NOT NULL,
  model_id         BLOB,
  context_strategy TEXT    NOT NULL,
  folder_id        BLOB,
  tags             TEXT    NOT NULL,
  pinned           INTEGER NOT NULL,
  archived         INTEGER NOT NULL,
  active_leaf_id   BLOB,
  message_count    INTEGER NOT NULL,
  last_message_at  INTEGER,
  context_begin    BLOB,
  source           TEXT,
  params           TEXT    NOT NULL,
  metadata         TEXT    NOT NULL,
  system_prompt    TEXT
) STRICT;

CREATE INDEX sessions_by_update ON sessions (owner_id, updated_at, id);
-- A conversation of another program is imported once.
CREATE UNIQUE INDEX sessions_by_source ON sessions (owner_id, source) WHERE source IS NOT NULL;

-- `seq` is the order of making, whatever the wall clock did; a parent has a lower one than its
-- children. The parent is checked when a message is made and messages go only with their session,
-- so parent_id needs no foreign key (whose cascade would recurse as deep as the conversation).
CREATE TABLE messages (
  seq        INTEGER PRIMARY KEY,
  id         BLOB    NOT NULL UNIQUE,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  session_id BLOB    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  parent_id  BLOB,
  role       TEXT    NOT NULL,
  status     TEXT    NOT NULL,
  model_id   BLOB,
  model_name TEXT,
  tokens     TEXT    NOT NULL,
  usage      TEXT,
  timing     TEXT,
  answered_by TEXT,
  context    TEXT,
  error      TEXT,
  pinned     INTEGER NOT NULL,
  rating     TEXT,
  metadata   TEXT    NOT NULL,
  measure    TEXT    NOT NULL,
  parts      TEXT    NOT NULL
) STRICT;

CREATE INDEX messages_by_session ON messages (session_id, seq);
CREATE INDEX messages_by_parent ON messages (session_id, parent_id, seq);
CREATE INDEX messages_streaming ON messages (seq) WHERE status = 'streaming';

-- Checkpoints of running replies, in the order of their positions.
CREATE TABLE reply_chunks (
  message_id BLOB    NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
  position   INTEGER NOT NULL,
  part_index INTEGER NOT NULL,
  type       TEXT    NOT NULL,
  text       TEXT    NOT NULL,
  PRIMARY KEY (message_id, position)
) STRICT;

-- One for each session that has one; `covers` is a message of it.
CREATE TABLE session_summaries (
  session_id BLOB    NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  text       TEXT    NOT NULL,
  covers     BLOB    NOT NULL,
  messages   INTEGER NOT NULL,
  source     TEXT    NOT NULL,
  model_name TEXT
) STRICT;

-- What is known of closed tokenizers, by upstream and the model's id there.
CREATE TABLE token_calibrations (
  provider     TEXT    NOT NULL,
  model        TEXT    NOT NULL,
  samples      INTEGER NOT NULL,
  weights      TEXT    NOT NULL,
  covariance   TEXT    NOT NULL,
  error_square REAL    NOT NULL,
  shortfall    REAL    NOT NULL,
  updated_at   INTEGER NOT NULL,
  PRIMARY KEY (provider, model)
) STRICT, WITHOUT ROWID;

CREATE INDEX token_calibrations_by_time ON token_calibrations (updated_at);

CREATE TABLE idempotency_keys (
  owner_id    BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  route       TEXT    NOT NULL,
  key         TEXT    NOT NULL,
  body_sha256 TEXT    NOT NULL,
  session     BLOB,
  message     BLOB,
  model       BLOB,
  account     BLOB,
  folder      BLOB,
  upload      BLOB,
  job         BLOB,
  api_key     BLOB,
  invitation  BLOB,
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (owner_id, route, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);

-- Files that come in pieces. Their bytes, and those that exports make, stand beside the database.
CREATE TABLE uploads (
  id         BLOB    NOT NULL PRIMARY KEY,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  owner_id   BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name       TEXT    NOT NULL,
  bytes      INTEGER NOT NULL,
  received   INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX uploads_by_owner ON uploads (owner_id, id);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);

CREATE TABLE jobs (
  id          BLOB    NOT NULL PRIMARY KEY,
  version     INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  owner_id    BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind        TEXT    NOT NULL,
  status      TEXT    NOT NULL,
  upload_id   BLOB,
  done        INTEGER NOT NULL,
  total       INTEGER NOT NULL,
  started_at  INTEGER,
  finished_at INTEGER,
  expires_at  INTEGER,
  file        TEXT,
  report      TEXT,
  error       TEXT
) STRICT;

CREATE INDEX jobs_by_owner ON jobs (owner_id, id);
CREATE INDEX jobs_unfinished ON jobs (id) WHERE status IN ('queued', 'running');
CREATE INDEX jobs_by_expiry ON jobs (expires_at) WHERE expires_at IS NOT NULL;

-- Sessions that an import has begun to store in several commits. Those of a job that no longer runs
-- are erased.
CREATE TABLE unfinished_imports (
  session_id BLOB NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  job_id     BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Invitations outlive who made them.
CREATE TABLE invitations (
  id         BLOB    NOT NULL PRIMARY KEY,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  created_by BLOB    NOT NULL,
  note       TEXT,
  role       TEXT    NOT NULL,
  uses       INTEGER NOT NULL,
  uses_max   INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  code_hash  TEXT    NOT NULL UNIQUE
) STRICT;

-- A chain: each hash covers its entry and the hash before it. What retention has removed is always
-- the chain's beginning; the anchor keeps the hash that the rest goes on from.
CREATE TABLE audit_log (
  seq         INTEGER PRIMARY KEY,
  at          INTEGER NOT NULL,
  actor_id    BLOB,
  actor_name  TEXT    NOT NULL,
  action      TEXT    NOT NULL,
  target_id   TEXT    NOT NULL,
  target_name TEXT    NOT NULL,
  result      TEXT    NOT NULL,
  address     TEXT    NOT NULL,
  request_id  TEXT    NOT NULL,
  detail      TEXT    NOT NULL,
  hash        TEXT    NOT NULL
) STRICT;

CREATE TABLE audit_anchor (
  id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  seq  INTEGER NOT NULL,
  hash TEXT    NOT NULL
) STRICT;
INSERT INTO audit_anchor (id, seq, hash) VALUES (1, 0, '');

CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_log_is_not_cut BEFORE DELETE ON audit_log
WHEN OLD.seq > (SELECT seq FROM audit_anchor)
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- Search. `search_rows` has a row for each text that can be found: a message that is not being
-- written, or (without message_seq) the title of a session. The index keeps words only, not texts:
-- it forgets a row by being told its text once more, which the triggers do, whatever changes a
-- row. indexed_text and indexed_parts are functions of Parley's own (chat/search_text.hpp).
CREATE TABLE search_owners (
  number   INTEGER PRIMARY KEY AUTOINCREMENT,
  owner_id BLOB    NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE
) STRICT;

CREATE TABLE search_rows (
  number      INTEGER PRIMARY KEY,
  message_seq INTEGER UNIQUE,
  owner       INTEGER NOT NULL,
  session_id  BLOB    NOT NULL,
  role        TEXT,
  model_id    BLOB,
  created_at  INTEGER NOT NULL,
  text_bytes  INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX search_rows_titles ON search_rows (session_id) WHERE message_seq IS NULL;

CREATE VIRTUAL TABLE search_index
  USING fts5(text, content='', columnsize=0, tokenize="ascii tokenchars '.'");

-- Words of erased texts stay in the index's older parts until these are merged: how many rows were
-- erased since the last merging of all parts began, when that was, and whether it goes on.
CREATE TABLE search_purge (
  id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  erased     INTEGER NOT NULL,
  is_running INTEGER NOT NULL,
  began_at   INTEGER NOT NULL
) STRICT;

INSERT INTO search_purge VALUES (1, 0, 0, 0);

CREATE TRIGGER search_adds_title AFTER INSERT ON sessions BEGIN
  INSERT INTO search_owners (owner_id) SELECT new.owner_id
    WHERE NOT EXISTS (SELECT 1 FROM search_owners o WHERE o.owner_id = new.owner_id);
  INSERT INTO search_rows (owner, session_id, created_at, text_bytes)
    SELECT o.number, new.id, new.created_at, length(new.title)
    FROM search_owners o WHERE o.owner_id = new.owner_id;
  INSERT INTO search_index (rowid, text)
    SELECT r.number, indexed_text(r.owner, new.title)
    FROM search_rows r WHERE r.session_id = new.id AND r.message_seq IS NULL;
END;

CREATE TRIGGER search_changes_title AFTER UPDATE OF title ON sessions WHEN new.title <> old.title
BEGIN
  INSERT INTO search_index (search_index, rowid, text)
    SELECT 'delete', r.number, indexed_text(r.owner, old.title)
    FROM search_rows r WHERE r.session_id = old.id AND r.message_seq IS NULL;
  INSERT INTO search_index (rowid, text)
    SELECT r.number, indexed_text(r.owner, new.title)
    FROM search_rows r WHERE r.session_id = old.id AND r.message_seq IS NULL;
  UPDATE search_purge SET erased = erased + 1;
END;

CREATE TRIGGER search_drops_title AFTER DELETE ON sessions BEGIN
  INSERT INTO search_index (search_index, rowid, text)
    SELECT 'delete', r.number, indexed_text(r.owner, old.title)
    FROM search_rows r WHERE r.session_id = old.id AND r.message_seq IS NULL;
  DELETE FROM search_rows WHERE session_id = old.id AND message_seq IS NULL;
  UPDATE search_purge SET erased = erased + 1;
END;

CREATE TRIGGER search_adds_message AFTER INSERT ON messages WHEN new.status <> 'streaming' BEGIN
  INSERT INTO search_rows (message_seq, owner, session_id, role, model_id, created_at, text_bytes)
    SELECT new.seq, t.owner, new.session_id, new.role, new.model_id, new.created_at,
           length(new.parts)
    FROM search_rows t WHERE t.session_id = new.session_id AND t.message_seq IS NULL;
  INSERT INTO search_index (rowid, text)
    SELECT r.number, indexed_parts(r.owner, new.parts)
    FROM search_rows r WHERE r.message_seq = new.seq;
END;

CREATE TRIGGER search_changes_message AFTER UPDATE OF parts, status, model_id ON messages
  WHEN new.parts <> old.parts OR new.model_id IS NOT old.model_id
    OR (new.status = 'streaming') <> (old.status = 'streaming')
BEGIN
  INSERT INTO search_index (search_index, rowid, text)
    SELECT 'delete', r.number, indexed_parts(r.owner, old.parts)
    FROM search_rows r WHERE r.message_seq = old.seq;
  UPDATE search_purge SET erased = erased + 1
    WHERE EXISTS (SELECT 1 FROM search_rows r WHERE r.message_seq = old.seq);
  DELETE FROM search_rows WHERE message_seq = old.seq;
  INSERT INTO search_rows (message_seq, owner, session_id, role, model_id, created_at, text_bytes)
    SELECT new.seq, t.owner, new.session_id, new.role, new.model_id, new.created_at,
           length(new.parts)
    FROM search_rows t WHERE t.session_id = new.session_id AND t.message_seq IS NULL
      AND new.status <> 'streaming';
  INSERT INTO search_index (rowid, text)
    SELECT r.number, indexed_parts(r.owner, new.parts)
    FROM search_rows r WHERE r.message_seq = new.seq;
END;

CREATE TRIGGER search_drops_message AFTER DELETE ON messages BEGIN
  INSERT INTO search_index (search_index, rowid, text)
    SELECT 'delete', r.number, indexed_parts(r.owner, old.parts)
    FROM search_rows r WHERE r.message_seq = old.seq;
  DELETE FROM search_rows WHERE message_seq = old.seq;
  UPDATE search_purge SET erased = erased + 1;
END;
