// `parley audit verify`: does the chain of the audit log hold?
#include <iostream>

#include "app/blocking_ask.hpp"
#include "app/commands.hpp"
#include "app/node.hpp"

namespace parley::app {

expected<audit_check> verify_audit(node& on) {
  audit_check all;
  do {
    TRY(auto piece,
        ask_and_wait<audit_check>(on.system(), on.reader(), check_audit{all.last, all.hash}));
    piece.rows += all.rows;
    all = std::move(piece);
  } while (all.has_more);
  return all;
}

int verify_audit(const configuration& config) {
  auto opened = node::start(config.values, {.serves = false});
  if (!opened) return report(opened.error());
  auto found = verify_audit(**opened);
  if (!found) return report(found.error());
  if (found->broken) {
    std::cerr << "parley: the audit log was changed: entry " << *found->broken
              << " does not follow from the one before it.\n";
    return 1;
  }
  std::cout << "The audit log holds: " << found->rows << " entries, the last is " << found->last
            << "; its hash is " << (found->hash.empty() ? "none" : found->hash) << ".\n"
            << "Write the hash down: a log that was cut off later does not end with it.\n";
  return 0;
}

}  // namespace parley::app
