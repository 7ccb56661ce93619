/// cpp-httplib without its sockets: parses a clean request's header and query, writes answers.
///
/// Owned by an edge actor, on its loop's thread. httplib sees one whole request in memory, always
/// with the path "/": matching was the guard's. The body stays in the clean_request and never
/// passes through httplib, whose decoders of bodies have no limits (edge.md). Fails with
/// errc::malformed if httplib does not accept a head, with errc::internal if a handler throws.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/answer.hpp"
#include "http/clean_request.hpp"

namespace parley::http {

/// A request as httplib has parsed it; lives as long as the handler's call.
class parsed_request {
 public:
  const clean_request& clean() const { return *clean_; }
  const std::string& body() const { return clean_->body; }
  /// The first field of that name, in any case.
  std::optional<std::string> header(const std::string& name) const;
  /// The first query parameter of that name, decoded, '+' read as a space.
  std::optional<std::string> query(const std::string& name) const;
  std::vector<std::pair<std::string, std::string>> query_parameters() const;

 private:
  friend class engine;
  parsed_request(const clean_request& clean, const void* parsed)
      : clean_(&clean), parsed_(parsed) {}

  const clean_request* clean_;
  const void* parsed_;  ///< httplib::Request; its header stays in engine.cpp
};

class engine {
 public:
  enum class verdict : uint8_t {
    now,    ///< the answer is filled in
    later,  ///< the handler has taken what it needs; somebody writes the answer another time
  };
  using handler = std::function<verdict(const parsed_request&, answer&)>;

  struct settings {
    int keep_alive_s = 15;  ///< told to clients
    int requests_per_connection_max = 1000;
  };

  explicit engine(settings of);
  ~engine();
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  /// Calls `handle` once with the parsed request. The bytes of its answer, or nothing if it answers
  /// later. Must not be called from within a handler.
  expected<std::optional<std::string>> run(const clean_request& request, bool is_keep_alive,
                                           const handler& handle);
  /// The bytes of an answer that came later; a long body is copied once.
  std::string write(answer&& what, const answer_frame& frame);
  /// A response head for reactor::begin_stream; the body of `what` is not used.
  std::string write_stream_head(answer&& what, const answer_frame& frame, stream_framing framing);

 private:
  struct server;
  std::unique_ptr<server> server_;
};

}  // namespace parley::http
