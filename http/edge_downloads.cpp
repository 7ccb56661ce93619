// EDGE and the chats on their way to clients as files: a page of messages is asked for when the one
// before it is written, so that a download holds no more than one page.
#include "base/log.hpp"
#include "base/release.hpp"
#include "http/download.hpp"
#include "http/edge.hpp"

namespace parley::http {

void edge::ask_for_transcript(exchange& x, session_id id, transcript_format format) {
  if (streams_ >= parts_.values->share_of_thread(parts_.values->streams_max))
    return fail(x, make_error(errc::unavailable, "streams_max", "Too many open streams."));
  request_user<session>(
      x.key(), x.who.user, get_session{x.who, id},
      [this, key = x.key(), format](const session& found) {
        if (auto* open = find(key)) open_download(*open, {format, found, clock().now()}, format);
      },
      2);
}

void edge::open_download(exchange& x, transcript writer, transcript_format format) {
  answer head;
  head.content_type = media_type_of(format);
  head.headers.emplace_back("Content-Disposition",
                            attachment_of(transcript_file_name(writer.header(), format)));
  x.deadline->cancel();
  x.download = std::make_unique<open_transcript>(open_transcript{std::move(writer)});
  ++streams_;
  if (!begin_body(x, std::move(head))) return;
  if (x.frame.is_head) return end_download(x);
  x.download->writer.begin(x.download->pending);
  push_download(x);
}

void edge::push_download(exchange& x) {
  auto& file = *x.download;
  file.written += write_front(x.ref, std::string_view{file.pending}.substr(file.written));
  if (file.written < file.pending.size()) return;
  release(file.pending);
  file.written = 0;
  if (file.is_over) return end_download(x);
  if (!file.is_asking) ask_for_page(x);
}

void edge::ask_for_page(exchange& x) {
  auto& file = *x.download;
  auto leaf = file.writer.has_tree() ? std::nullopt : file.writer.header().active_leaf_id;
  // A chat without a message has no branch.
  if (!file.writer.has_tree() && !leaf) return take_page(x, {});
  page_request page;
  page.limit = 100;
  page.cursor = file.cursor;
  page.is_descending = false;
  file.is_asking = true;
  request_user<page_of<message>>(
      x.key(), x.who.user, list_messages{x.who, file.writer.header().id, page, leaf, {}},
      [this, key = x.key()](const page_of<message>& found) {
        if (auto* open = find(key)) take_page(*open, found);
      },
      2);
}

void edge::take_page(exchange& x, const page_of<message>& page) {
  auto& file = *x.download;
  file.is_asking = false;
  file.pending.reserve(file.pending.size() + json_bytes_of(page.items));
  for (const auto& said : page.items) file.writer.add(file.pending, said);
  file.cursor = page.next_cursor.value_or("");
  file.is_over = !page.next_cursor;
  if (file.is_over) file.writer.end(file.pending);
  push_download(x);
}

void edge::end_download(exchange& x) {
  log_exchange(x, 200);
  leave_download(x);
  auto ref = x.ref;
  close_exchange(x.key());
  reactor_->end_stream(ref);
}

// The connection is cut: the head is out, and nobody may take a part for the whole.
void edge::break_download(exchange& x, const error& cause) {
  log_warning("http.download_broken", {{"request", x.request_id}, {"error", cause}});
  leave_download(x);
  auto ref = x.ref;
  close_exchange(x.key());
  reactor_->abort(ref);
}

void edge::leave_download(exchange& x) {
  if (!x.download) return;
  --streams_;
  x.download.reset();
}

}  // namespace parley::http
