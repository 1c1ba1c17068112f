#include "controllers/canary_rollout/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "controllers/canary_rollout/decide.h"
#include "controllers/canary_rollout/transitions.h"
#include "crds/names.h"

namespace sluice::canary_rollout {
namespace {

constexpr std::size_t kIdMax = 200;
constexpr std::size_t kWordsMax = 4;

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  constexpr std::string_view kSpace = " \t\r\n";
  while (words.size() < kWordsMax) {
    const std::size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) {
      break;
    }
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(kSpace), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

// Splits "revision:2"; false if what follows the colon is no step.
bool take_step(std::string_view word, Command& command) {
  const std::size_t colon = word.find(':');
  command.revision = bounded(word.substr(0, colon), kNameMax);
  if (colon == std::string_view::npos) {
    return true;
  }
  const std::string_view digits = word.substr(colon + 1);
  const auto step = parse_number<std::int32_t>(digits);
  if (!step || *step < 0) {
    return false;
  }
  command.step = step;
  return true;
}

// A revision, or its config hash while it has no name.
bool names_candidate(const api::CanaryRolloutStatus& status, const std::string& revision) {
  return !revision.empty() &&
         (revision == status.candidate_revision || revision == status.candidate_config);
}

std::string refuse_abort(const Turn& turn, const Command& command) {
  const api::CanaryRolloutStatus& status = turn.status();
  if (!is_in_progress(status.phase)) {
    return "no rollout is in progress";
  }
  if (!names_candidate(status, command.revision)) {
    return fmt::format("the candidate is {}, not {}", candidate_text(status), command.revision);
  }
  if (command.step && *command.step != status.step_index) {
    return fmt::format("the rollout is at step {}, not {}", status.step_index, *command.step);
  }
  if (status.phase == api::RolloutPhase::kRollingBack) {
    return "it is being rolled back already";
  }
  if (is_committed(turn)) {
    return "it has become the stable revision already";
  }
  return {};
}

std::string refuse_retry(const Turn& turn, const Command& command) {
  const api::CanaryRolloutStatus& status = turn.status();
  const bool is_ours = names_candidate(status, command.revision);
  if (is_in_progress(status.phase) && is_ours) {
    return "its rollout is in progress";
  }
  const bool was_rolled_back = is_ours && status.phase == api::RolloutPhase::kRolledBack;
  const auto& rejected = turn.seen.rejected_revisions;
  if (!was_rolled_back && std::ranges::find(rejected, command.revision) == rejected.end()) {
    return fmt::format("{} is not a rejected revision of this index", command.revision);
  }
  return {};
}

std::string refuse(const Turn& turn, const Command& command) {
  if (!command.problem.empty()) {
    return command.problem;
  }
  if (!turn.seen.index) {
    return "there is no index";
  }
  if (command.verb == "abort") {
    return refuse_abort(turn, command);
  }
  if (command.verb == "retry") {
    return refuse_retry(turn, command);
  }
  return fmt::format("\"{}\" is not a verb; there are abort and retry", command.verb);
}

}  // namespace

std::optional<Command> parse_command(std::string_view annotation) {
  const std::vector<std::string_view> words = words_of(annotation);
  if (words.empty()) {
    return std::nullopt;
  }
  Command command;
  command.verb = bounded(words[0], kNameMax);
  if (words.size() != 3) {
    command.id = bounded(annotation, kIdMax);
    command.problem = "a command is \"<verb> <revision>[:<step>] <id>\"";
    return command;
  }
  command.id = bounded(words[2], kIdMax);
  if (!take_step(words[1], command)) {
    command.problem = "what follows the colon is not a step's number, counted from 0";
  }
  return command;
}

void handle_command(Turn& turn) {
  const auto command =
      parse_command(turn.seen.rollout.metadata.annotation(api::kCommandAnnotation));
  api::CanaryRolloutStatus& status = turn.status();
  if (!command || (status.last_command && status.last_command->id == command->id)) {
    return;
  }
  const std::string refusal = refuse(turn, *command);
  const bool is_refused = !refusal.empty();
  std::string result = "refused: " + refusal;
  if (!is_refused) {
    result = command->verb == "abort" ? "accepted: the candidate is rolled back"
                                      : "accepted: the index starts this revision anew";
  }
  status.last_command = api::CommandRecord{.id = command->id,
                                           .verb = command->verb,
                                           .revision = command->revision,
                                           .result = bounded(result, kTextMax),
                                           .at = turn.second};
  announce(turn,
           is_refused,
           is_refused ? "CommandRefused" : "CommandAccepted",
           fmt::format("{} {}: {}", command->verb, command->revision, result));
  if (!is_refused && command->verb == "abort") {
    roll_back(turn,
              {.verdict = "RolledBack",
               .reason = "Aborted",
               .message = "aborted by command " + command->id});
  }
}

}  // namespace sluice::canary_rollout
