// JOBS: files on their way in, and those that exports have made.
#include "actors/impl/jobs_state.hpp"

namespace parley {

namespace {

error wrong_offset(int64_t received) {
  error_detail detail;
  detail.reason = "offset_mismatch";
  detail.fields = {{"/offset", "offset", std::to_string(received), "The file ends elsewhere."}};
  return make_error(errc::conflict, "The next piece begins at " + std::to_string(received) + ".",
                    std::move(detail));
}

}  // namespace

caf::result<upload> jobs_state::on(const add_upload& asked) {
  if (asked.patch.value.bytes > parts_.limits.upload_bytes_max)
    return make_error(
        errc::too_large, "upload_bytes_max",
        "A file may have " + std::to_string(parts_.limits.upload_bytes_max) + " bytes.");
  upload made;
  asked.patch.apply_to(made);
  made.id = upload_id::make();
  made.owner_id = asked.by.user;
  made.created_at = made.updated_at = now();
  made.expires_at = now() + parts_.limits.upload_age_max;
  auto key = owned_by(asked.by.user, asked.key);
  auto held = answers.hold<upload>(self);
  auto make = [this, made, key, held = held.first] {
    std::vector<change> changes;
    remember(changes, key, now(), &remember_key::upload, made.id);
    changes.emplace_back(change_transfer{create_upload{made, parts_.limits.uploads_max}});
    store_then<upload>(*this, held, std::move(changes), [made] { return made; });
  };
  make_once<upload>(
      *this, held.first, key, make,
      [this, held = held.first, owner = made.owner_id](const remember_key& known) {
        answers.hand_on<upload>(held, parts_.reader, read_upload{owner, known.upload});
      });
  return held.second;
}

caf::result<upload> jobs_state::on(const get_upload& asked) const {
  return hand_on(self, parts_.reader, read_upload{asked.owner_id, asked.id});
}

// -- Pieces -------------------------------------------------------------------------------------

caf::result<upload> jobs_state::on(add_piece&& piece) {
  if (pieces_.size() >= parts_.limits.pieces_max)
    return make_error(errc::unavailable, "pieces_max", "Too many files are coming in at once.");
  if (!pieces_.emplace(piece.owner_id, piece.id).second)
    return make_error(errc::conflict, "upload_busy", "Another piece of this file is coming in.");
  auto held = answers.hold<upload>(self);
  auto shared = std::make_shared<add_piece>(std::move(piece));
  self->request(parts_.reader, caf::infinite, read_upload{shared->owner_id, shared->id})
      .then(
          [this, key = held.first, shared](const upload& known) { take_piece(key, shared, known); },
          [this, key = held.first, shared](error& cause) {
            end_piece(key, *shared, std::move(cause));
          });
  return held.second;
}

void jobs_state::take_piece(uint64_t key, const std::shared_ptr<add_piece>& piece,
                            const upload& known) {
  if (piece->offset != known.received) return end_piece(key, *piece, wrong_offset(known.received));
  auto grown = known;
  grown.received += std::ssize(piece->bytes);
  if (grown.received > grown.bytes)
    return end_piece(
        key, *piece,
        make_error(errc::too_large, "upload_bytes", "The file was said to have fewer bytes."));
  if (piece->bytes.empty()) return end_piece(key, *piece, known);
  ++grown.version;
  grown.updated_at = now();
  grown.expires_at = now() + parts_.limits.upload_age_max;
  self->request(files_, caf::infinite,
                write_piece{file_name_of(known.id), piece->offset, std::move(piece->bytes)})
      .then([this, key, piece, grown](const done&) { store_piece(key, piece, grown); },
            [this, key, piece](error& cause) { end_piece(key, *piece, std::move(cause)); });
}

void jobs_state::store_piece(uint64_t key, const std::shared_ptr<add_piece>& piece,
                             const upload& grown) {
  self->request(parts_.storage, caf::infinite, commit{{change_transfer{update_upload{grown}}}})
      .then([this, key, piece, grown](const done&) { end_piece(key, *piece, grown); },
            [this, key, piece](error& cause) { end_piece(key, *piece, std::move(cause)); });
}

void jobs_state::end_piece(uint64_t key, const add_piece& piece, expected<upload> result) {
  pieces_.erase({piece.owner_id, piece.id});
  if (result)
    answers.deliver<upload>(key, std::move(*result));
  else
    answers.fail<upload>(key, std::move(result.error()));
}

bool jobs_state::is_in_use(upload_id id) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [id](const auto& known) { return known.second.work.upload_id == id; });
}

caf::result<done> jobs_state::on(const drop_upload& asked) {
  auto held = answers.hold<done>(self);
  auto fail = [this, key = held.first](error cause) { answers.fail<done>(key, std::move(cause)); };
  self->request(parts_.reader, caf::infinite, read_upload{asked.owner_id, asked.id})
      .then(
          [this, key = held.first, fail](const upload& known) {
            if (is_in_use(known.id))
              return fail(make_error(errc::conflict, "upload_in_use", "A job reads this file."));
            store_then<done>(*this, key, {change_transfer{erase_upload{known.owner_id, known.id}}},
                             [this, gone = known.id] {
                               self->send(files_, erase_file{file_name_of(gone)});
                               return done{};
                             });
          },
          fail);
  return held.second;
}

// -- What exports have made ---------------------------------------------------------------------

caf::result<file_piece> jobs_state::on(const read_job_file& asked) {
  auto held = answers.hold<file_piece>(self);
  self->request(parts_.reader, caf::infinite, read_job{asked.owner_id, asked.id})
      .then(
          [this, key = held.first, offset = asked.offset](const job& known) {
            if (!known.file || known.file->expires_at <= now())
              return answers.fail<file_piece>(key, make_error(errc::not_found));
            answers.hand_on<file_piece>(
                key, files_,
                read_piece{file_name_of(known.id), offset, parts_.limits.file_piece_bytes});
          },
          [this, key = held.first](error& cause) {
            answers.fail<file_piece>(key, std::move(cause));
          });
  return held.second;
}

}  // namespace parley
