// Search over many messages of one user: times by how frequent the words are, what a message costs
// more because of the index, and how large that is. Usage: search_bench [messages] [queries]
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <random>

#include "storage/sqlite.hpp"
#include "storage/tables.hpp"

using namespace parley;
using namespace parley::storage;
using bench_clock = std::chrono::steady_clock;

namespace {

constexpr size_t vocabulary_size = 60'000;
constexpr size_t messages_per_session = 100;
constexpr size_t messages_per_transaction = 100;

struct scratch {
  scratch() {
    auto name = (std::filesystem::temp_directory_path() / "parley-bench-XXXXXX").string();
    if (!::mkdtemp(name.data())) std::abort();
    path = name;
  }
  ~scratch() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

template <class T>
T must(expected<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", describe(result.error()).c_str());
  std::exit(1);
}

void must(const expected<void>& result) {
  if (result) return;
  std::fprintf(stderr, "%s\n", describe(result.error()).c_str());
  std::exit(1);
}

double ms_since(bench_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(bench_clock::now() - start).count();
}

/// Words as frequent as in natural texts (Zipf), some of them Chinese.
class corpus {
 public:
  corpus() {
    std::string letters = "etaoinshrdlucmfgypwbvk";
    double sum = 0;
    for (size_t i = 0; i < vocabulary_size; ++i) {
      words_.push_back(i % 10 == 9 ? chinese_word() : latin_word(letters));
      sums_.push_back(sum += 1.0 / (static_cast<double>(i) + 2.7));
    }
    rows_with_.resize(vocabulary_size);
    last_row_with_.resize(vocabulary_size, SIZE_MAX);
  }

  std::string text(size_t row) {
    constexpr std::array<size_t, 4> lengths{10, 30, 60, 100};
    std::string out;
    for (auto count = lengths[random_() % lengths.size()]; count > 0; --count) {
      auto at = std::uniform_real_distribution<>{0, sums_.back()}(random_);
      auto word =
          static_cast<size_t>(std::lower_bound(sums_.begin(), sums_.end(), at) - sums_.begin());
      if (std::exchange(last_row_with_[word], row) != row) ++rows_with_[word];
      out += words_[word] + ' ';
    }
    return out;
  }

  /// Words that stand in so many rows.
  std::vector<std::string> words_in(size_t rows_min, size_t rows_max) const {
    std::vector<std::string> found;
    for (size_t i = 0; i < words_.size(); ++i)
      if (rows_with_[i] >= rows_min && rows_with_[i] <= rows_max) found.push_back(words_[i]);
    return found;
  }
  std::vector<std::string> most_frequent(size_t count) const {
    return {words_.begin(), words_.begin() + static_cast<ptrdiff_t>(count)};
  }
  std::mt19937_64& random() { return random_; }

 private:
  std::string latin_word(const std::string& letters) {
    std::string word;
    for (auto count = 3 + random_() % 7; count > 0; --count)
      word += letters[random_() % letters.size()];
    return word;
  }
  std::string chinese_word() {
    std::string word;
    for (int i = 0; i < 2; ++i) {
      auto code = 0x4e00 + random_() % 3000;
      word += {static_cast<char>(0xe0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
               static_cast<char>(0x80 | (code & 63))};
    }
    return word;
  }

  std::mt19937_64 random_{1};
  std::vector<std::string> words_;
  std::vector<double> sums_;
  std::vector<size_t> rows_with_;
  std::vector<size_t> last_row_with_;
};

/// A database that is filled as STORAGE would.
class filled_database {
 public:
  explicit filled_database(const std::filesystem::path& directory)
      : files_(must(database::open({.directory = directory}))),
        writer_(must(files_->open_writer())) {}

  user_id add_user(std::string name) {
    user account;
    account.id = user_id::make();
    account.username = std::move(name);
    write([&] { must(apply(*writer_, create_user{account, false})); });
    return account.id;
  }

  /// Microseconds for a message.
  double add_messages(const user_id& owner, std::vector<std::string> texts) {
    session chat;
    auto start = bench_clock::now();
    for (size_t i = 0; i < texts.size(); i += messages_per_transaction)
      write([&] {
        for (auto k = i; k < std::min(texts.size(), i + messages_per_transaction); ++k) {
          auto unit = must(savepoint::begin(*writer_));
          if (k % messages_per_session == 0) {
            chat = {};
            chat.id = session_id::make();
            chat.owner_id = owner;
            chat.title = texts[k].substr(0, texts[k].find(' '));
            must(apply(*writer_, create_session{chat}));
          }
          message entry;
          entry.id = message_id::make();
          entry.session_id = chat.id;
          entry.created_at = {clock_ms_ += 1000};
          entry.parts.emplace_back().text = std::move(texts[k]);
          must(apply(*writer_, create_message{entry}));
          must(unit.release());
        }
      });
    return ms_since(start) * 1000 / static_cast<double>(texts.size());
  }

  void drop_index() {
    must(writer_->run_script("DROP TRIGGER search_adds_title; DROP TRIGGER search_adds_message;"));
  }
  uint64_t index_bytes() {
    auto q = writer_->prepare("SELECT SUM(length(block)) FROM search_index_data");
    return static_cast<uint64_t>(must(q.number()).value_or(0));
  }
  uint64_t file_bytes() {
    must(writer_->checkpoint(true));
    return std::filesystem::file_size(files_->path());
  }
  std::unique_ptr<connection> reader() { return must(files_->open_reader()); }
  instant now() const { return {clock_ms_}; }

 private:
  template <class Work>
  void write(Work work) {
    auto writing = must(transaction::begin(*writer_, transaction::kind::write));
    work();
    must(writing.commit());
    if (writer_->wal_frames() > 1000) must(writer_->checkpoint(false));
  }

  std::shared_ptr<database> files_;
  std::unique_ptr<connection> writer_;
  int64_t clock_ms_ = 1'700'000'000'000;
};

std::vector<std::string> make_texts(corpus& words, size_t count, size_t first_row) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < count; ++i) texts.push_back(words.text(first_row + i));
  return texts;
}

/// Asks each word once, or some of them, and tells the times.
class question_round {
 public:
  question_round(filled_database& db, std::mt19937_64& random)
      : reader_(db.reader()), now_(db.now()), random_(random) {}

  void ask(const char* kind, const user_id& owner, const std::vector<std::string>& questions,
           size_t count) {
    if (questions.empty()) return;
    std::vector<double> times;
    size_t newest = 0;
    for (size_t i = 0; i < count; ++i) {
      search_texts asked{owner, questions[random_() % questions.size()], {}, {}};
      asked.page.limit = 20;
      auto start = bench_clock::now();
      auto page = must(read(read_context{*reader_, now_}, asked));
      times.push_back(ms_since(start));
      newest += page.order == search_order::newest ? 1 : 0;
    }
    all_.insert(all_.end(), times.begin(), times.end());
    print(kind, std::move(times), newest);
  }
  void print_all() { print("all", std::exchange(all_, {}), 0); }
  void forget() { all_.clear(); }

 private:
  static void print(const char* kind, std::vector<double> times, size_t newest) {
    std::sort(times.begin(), times.end());
    auto at = [&](double part) {
      return times[static_cast<size_t>(part * static_cast<double>(times.size() - 1))];
    };
    std::printf("%-28s %4zu  p50 %7.2f  p95 %7.2f  p99 %7.2f ms", kind, times.size(), at(0.5),
                at(0.95), at(0.99));
    if (newest > 0) std::printf("  (%zu newest first)", newest);
    std::printf("\n");
  }

  std::unique_ptr<connection> reader_;
  instant now_;
  std::mt19937_64& random_;
  std::vector<double> all_;
};

std::vector<std::string> pairs_of(const std::vector<std::string>& words) {
  std::vector<std::string> pairs;
  for (size_t i = 1; i < words.size(); ++i) pairs.push_back(words[i - 1] + ' ' + words[i]);
  return pairs;
}

void ask_all(filled_database& db, corpus& words, const user_id& big, const user_id& small,
             std::pair<size_t, size_t> rows_and_queries) {
  auto [rows, queries] = rows_and_queries;
  question_round round{db, words.random()};
  auto frequent = words.most_frequent(100);
  auto middling = words.words_in(rows / 1000, rows / 20);
  auto rare = words.words_in(1, std::max<size_t>(rows / 10'000, 1));
  round.ask("(warm)", big, frequent, 100);
  round.forget();
  round.ask("rare words", big, rare, queries / 3);
  round.ask("middling words", big, middling, queries / 3);
  round.ask("most frequent words", big, frequent, queries - queries / 3 * 2);
  round.print_all();
  round.ask("two frequent words", big, pairs_of(frequent), queries / 3);
  round.ask("two middling words", big, pairs_of(middling), queries / 3);
  round.ask("user with 1,000 messages", small, frequent, queries / 3);
}

}  // namespace

int main(int argc, char** argv) {
  size_t rows = argc > 1 ? std::clamp<size_t>(std::strtoul(argv[1], nullptr, 10), 1000, 10'000'000)
                         : 1'000'000;
  size_t queries =
      argc > 2 ? std::clamp<size_t>(std::strtoul(argv[2], nullptr, 10), 3, 100'000) : 500;
  scratch folder;
  corpus words;
  filled_database db{folder.path / "data"};
  auto big = db.add_user("big");
  auto small = db.add_user("small");
  constexpr size_t piece = 20'000;
  double last_us = 0;
  for (size_t i = 0; i < rows; i += piece)
    last_us = db.add_messages(big, make_texts(words, std::min(piece, rows - i), i));
  db.add_messages(small, make_texts(words, 1000, rows));

  filled_database bare{folder.path / "bare"};
  bare.drop_index();
  auto bare_us = bare.add_messages(bare.add_user("bare"), make_texts(words, piece, rows + 1000));
  std::printf("messages %zu, file %.0f MB, of it the words %.0f MB\n", rows,
              static_cast<double>(db.file_bytes()) / 1e6,
              static_cast<double>(db.index_bytes()) / 1e6);
  std::printf("a message costs %.0f us, without the index %.0f us: %.0f us more (at most 300)\n",
              last_us, bare_us, last_us - bare_us);
  ask_all(db, words, big, small, {rows, queries});
}
