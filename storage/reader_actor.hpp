/// The READER actor (actors/storage.hpp) and the pool that hands questions to several of them.
///
/// app/ spawns the pool, which spawns its readers (detached, since they wait for the disk) and
/// replaces one that ended. A reader only reads; a question fails with errc and changes nothing.
#pragma once

#include <atomic>
#include <functional>

#include "actors/storage.hpp"
#include "storage/sqlite.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

/// Questions given to one reader and not answered yet; shared by it and the pool.
using reader_load = std::shared_ptr<std::atomic<int64_t>>;

struct reader_parts {
  std::shared_ptr<database> files;
  const wall_clock* clock = &system_wall_clock();
  size_t page_bytes_max = size_t{1} << 20;
  size_t window_bytes_max = size_t{32} << 20;
  reader_load load;  ///< set by the pool
};

class reader_state {
 public:
  static inline const char* name = "reader";

  explicit reader_state(reader_actor::pointer) {}
  void start(reader_parts parts) { parts_ = std::move(parts); }

  template <class Question>
  auto on(const Question& question)
      -> caf::result<typename decltype(read(std::declval<const read_context&>(),
                                            question))::value_type>;
  void on(const release_memory&);

 private:
  expected<void> open_if_needed();

  reader_parts parts_;
  std::unique_ptr<connection> db_;
};

reader_actor::behavior_type reader(reader_actor::stateful_pointer<reader_state> self,
                                   reader_parts parts);

struct reader_pool_parts {
  /// Spawns one reader; where it runs is the app's choice.
  std::function<reader_actor(reader_parts)> spawn_reader;
  reader_parts reader;
  size_t readers = 4;
  int64_t questions_max = 1000;  ///< waiting at one reader; beyond it: unavailable
};

class reader_pool_state {
 public:
  static inline const char* name = "reader_pool";

  explicit reader_pool_state(reader_actor::pointer self) : self_(self) {}
  ~reader_pool_state();

  void start(reader_pool_parts parts);
  /// The reader with the least to do; null when even that one has too much.
  const reader_actor* next();
  void replace(const caf::actor_addr& ended);
  void on(const release_memory& message);

 private:
  struct member {
    reader_actor actor;
    reader_load load;
  };
  member make_member();

  reader_actor::pointer self_;
  reader_pool_parts parts_;
  std::vector<member> members_;
};

/// To its askers the pool is a reader.
reader_actor::behavior_type reader_pool(reader_actor::stateful_pointer<reader_pool_state> self,
                                        reader_pool_parts parts);

}  // namespace parley::storage
