// EDGE and the files on their way to clients that exports have made: a piece is asked for when the
// one before it is written, by a caller who is admitted each time.
#include "base/log.hpp"
#include "base/release.hpp"
#include "http/download.hpp"
#include "http/edge.hpp"

namespace parley::http {

void edge::ask_for_file(exchange& x, job_id id) {
  if (!may_open_stream(x)) return;
  ask_jobs<job>(x, get_job{x.who.user, id}, [this, key = x.key()](const job& found) {
    if (auto* open = find(key)) open_job_file(*open, found);
  });
}

void edge::open_job_file(exchange& x, const job& made) {
  if (!made.file || made.file->expires_at <= clock().now())
    return fail(x, make_error(errc::not_found));
  answer head;
  head.content_type = "application/zip";
  head.headers.emplace_back("Content-Disposition", attachment_of(made.file->name));
  x.deadline->cancel();
  x.file = std::make_unique<open_file>(open_file{made.id, made.file->bytes});
  ++streams_;
  if (!begin_body(x, std::move(head))) return;
  if (x.frame.is_head) return end_file(x);
  ask_for_piece(x);
}

void edge::push_file(exchange& x) {
  auto& file = *x.file;
  file.written += write_front(x.ref, std::string_view{file.pending}.substr(file.written));
  if (file.written < file.pending.size() || file.is_asking) return;
  release(file.pending);
  file.written = 0;
  if (file.asked >= file.bytes) return end_file(x);
  ask_for_piece(x);
}

void edge::ask_for_piece(exchange& x) {
  auto& file = *x.file;
  file.is_asking = true;
  ask_jobs<file_piece>(x, read_job_file{x.who.user, file.job, file.asked},
                       [this, key = x.key()](const file_piece& piece) {
                         if (auto* open = find(key)) take_piece(*open, piece.bytes);
                       });
}

void edge::take_piece(exchange& x, std::string bytes) {
  auto& file = *x.file;
  file.is_asking = false;
  if (bytes.empty()) return break_file(x, make_error(errc::not_found));
  file.asked += std::ssize(bytes);
  file.pending = std::move(bytes);
  push_file(x);
}

void edge::end_file(exchange& x) {
  log_exchange(x, 200);
  leave_file(x);
  auto ref = x.ref;
  close_exchange(x.key());
  reactor_->end_stream(ref);
}

// As with a chat: nobody may take a part for the whole.
void edge::break_file(exchange& x, const error& cause) {
  log_warning("http.download_broken", {{"request", x.request_id}, {"error", cause}});
  leave_file(x);
  auto ref = x.ref;
  close_exchange(x.key());
  reactor_->abort(ref);
}

void edge::leave_file(exchange& x) {
  if (!x.file) return;
  --streams_;
  x.file.reset();
}

}  // namespace parley::http
