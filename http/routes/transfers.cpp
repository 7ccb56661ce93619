// Uploads, jobs, import and export of everything.
#include <charconv>

#include "http/edge.hpp"
#include "http/routes/routes.hpp"
#include "schema/job.hpp"

namespace parley::http::routes {

namespace {

/// 202 with where it is to be asked for.
answer queued_answer(const job& queued) {
  auto result = record_answer(202, queued);
  result.headers.emplace_back("Location", "/api/jobs/" + to_string(queued.id));
  return result;
}

answer upload_answer(const upload& known) {
  return record_answer(200, known);
}

expected<int64_t> read_offset(const parsed_request& request) {
  fault_list faults;
  auto text = request.query("offset");
  int64_t offset = -1;
  if (text) std::from_chars(text->data(), text->data() + text->size(), offset);
  if (!text)
    faults.add("/offset", "required", "Must be there.");
  else if (offset < 0 || std::to_string(offset) != *text)
    faults.add("/offset", "type", "Must be a number of bytes.", "\"integer\"");
  if (!faults.is_empty()) return std::move(faults).to_error();
  return offset;
}

}  // namespace

expected<void> post_upload(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto patch, read_body<upload>(request, use::in_create));
  TRY(auto key, at.read_key(x, request));
  at.ask_jobs<upload>(x, add_upload{x.who, std::move(patch), std::move(key)},
                      [](const upload& made) {
                        return created_answer(made, "/api/uploads/" + to_string(made.id));
                      });
  return {};
}

expected<void> get_upload(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<upload_id>(x, 0));
  at.ask_jobs<upload>(x, parley::get_upload{x.who.user, id}, upload_answer);
  return {};
}

expected<void> put_piece(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<upload_id>(x, 0));
  TRY(auto offset, read_offset(request));
  at.ask_jobs<upload>(x, add_piece{x.who.user, id, offset, request.body()}, upload_answer);
  return {};
}

expected<void> delete_upload(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<upload_id>(x, 0));
  at.ask_jobs<done>(x, drop_upload{x.who.user, id}, [](const done&) { return empty_answer(); });
  return {};
}

expected<void> post_import(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto body, read_body<import_body>(request, use::in_create));
  TRY(auto key, at.read_key(x, request));
  at.ask_jobs<job>(x, start_import{x.who, body.value.upload_id, std::move(key)}, queued_answer);
  return {};
}

expected<void> post_export(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto key, at.read_key(x, request));
  at.ask_jobs<job>(x, start_export{x.who, std::move(key)}, queued_answer);
  return {};
}

expected<void> post_backup(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto key, at.read_key(x, request));
  at.ask_jobs<job>(x, start_backup{x.who, std::move(key)}, queued_answer);
  return {};
}

expected<void> get_backups(edge& at, exchange& x, const parsed_request&) {
  at.ask_user<done>(x, admit{x.who}, [&at](const done&) {
    std::string body;
    json_writer json{body};
    json.begin_object().key("items");
    write_json(json, at.status().backups());
    json.key("nextCursor").null().end_object();
    return json_answer(200, std::move(body));
  });
  return {};
}

expected<void> get_jobs(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto page, read_page(request, "createdAt", true));
  at.ask_jobs<page_of<job>>(x, list_jobs{x.who.user, page},
                            [](const page_of<job>& found) { return page_answer(found); });
  return {};
}

expected<void> get_job(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<job_id>(x, 0));
  at.ask_jobs<job>(x, parley::get_job{x.who.user, id},
                   [](const job& found) { return record_answer(200, found); });
  return {};
}

expected<void> delete_job(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<job_id>(x, 0));
  at.ask_jobs<done>(x, drop_job{x.who.user, id}, [](const done&) { return empty_answer(); });
  return {};
}

expected<void> get_job_events(edge& at, exchange& x, const parsed_request& request) {
  if (at.status().is_draining)
    return make_error(errc::unavailable, "draining", "The server is stopping.");
  TRY(auto id, path_id<job_id>(x, 0));
  TRY(auto after, read_position(request));
  at.ask_for_job_events(x, id, after);
  return {};
}

expected<void> get_job_file(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<job_id>(x, 0));
  at.ask_for_file(x, id);
  return {};
}

}  // namespace parley::http::routes
