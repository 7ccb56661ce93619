/// One connection to the mock upstream: requests one after the other, each answered as its model's
/// name says.
///
/// Owned by the loop, runs on its thread. Holds at most 64 KiB that the client has not read: then
/// tokens wait, as those of a real upstream would. Ends itself when the client goes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "bench/load/event_loop.hpp"
#include "bench/load/http_text.hpp"
#include "bench/load/mock_model.hpp"
#include "bench/load/mock_server.hpp"
#include "bench/load/mock_text.hpp"

namespace parley::bench {

class mock_connection final : public event_source {
 public:
  mock_connection(mock_server& server, int descriptor);
  ~mock_connection() override;

  void on_ready(uint32_t events) override;
  void on_due() override;

 private:
  enum class phase { head, body, reply };
  enum class afterwards { nothing, next_request, close, reset };

  // One answer that takes time.
  struct reply {
    mock_model model;
    mock_text text;
    bool is_stream = false;
    bool has_begun = false;
    uint64_t next_token = 0;
    uint64_t body_bytes = 0;
    uint64_t filler_bytes = 0;
    int64_t next_due_ms = 0;
  };

  // Requests.
  void receive();
  void read_requests();
  bool read_head();
  bool read_body();
  void route();
  void remember_request();
  void begin_chat();

  // Answers that are there at once.
  void answer(int status, std::string_view type, std::string_view body,
              std::string_view more_fields = {});
  void refuse(int status, std::string_view message, std::string_view type,
              std::string_view code_and_param = "null");
  void refuse_as_model(const mock_model& model);

  // Answers that take time.
  void produce();
  void produce_token();
  void produce_long_line();
  bool has_come_to_ending();
  void finish_stream();
  void append_body(std::string_view data);
  void end_reply(afterwards next);
  void count_end(uint64_t mock_counters::*counter);

  void flush();
  void act_after_flush();
  void wait_for(uint32_t events);
  void close();
  void close_with_reset();
  size_t pending_bytes() const { return out_.size() - sent_; }

  mock_server& server_;
  int descriptor_;
  uint32_t waits_for_ = EPOLLIN | EPOLLRDHUP;
  phase phase_ = phase::head;
  afterwards afterwards_ = afterwards::nothing;

  std::string in_;
  http_head head_;  // its views are only valid until in_ changes
  std::string method_;
  std::string target_;
  std::string authorization_;
  std::string fields_json_;
  std::string body_;
  uint64_t body_left_ = 0;
  bool is_chunked_ = false;
  bool keeps_alive_ = true;
  bool takes_chunks_ = true;  // HTTP/1.1
  chunk_decoder chunks_;

  std::string out_;
  size_t sent_ = 0;
  std::unique_ptr<reply> reply_;
};

}  // namespace parley::bench
