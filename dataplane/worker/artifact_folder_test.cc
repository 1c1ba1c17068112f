// The holder's folder, as it is found on a volume after all that can happen to one.

#include "dataplane/worker/artifact_folder.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "dataplane/retrieval/scratch_folder.h"

namespace sluice::worker {
namespace {

using retrieval::ScratchFolder;
using std::chrono::hours;
using std::chrono::milliseconds;

// A worker that has these artifacts.
struct Peer {
  ScratchFolder folder;
  Artifacts artifacts{folder.path("")};
  http::Server server{{.address = "127.0.0.1"}};

  explicit Peer(const std::vector<std::string>& contents) {
    for (const std::string& bytes : contents) {
      folder.write(sha256_of(bytes), bytes);
    }
    artifacts.serve(server);
    EXPECT_TRUE(server.start());
  }

  [[nodiscard]] FetchOptions into(const ScratchFolder& mine) const {
    return {.data_dir = mine.path(""),
            .holders = {"http://127.0.0.1:" + std::to_string(server.port())},
            .patience = milliseconds(10)};
  }
};

FetchOptions alone(const ScratchFolder& mine) {
  return {.data_dir = mine.path(""), .patience = milliseconds(10)};
}

const std::string kIndex(300'000, 'i');
const std::string kDocuments(100'000, 'd');

TEST(ArtifactFolder, GetsWhatIsMissingAndNeedsNobodyTheNextTime) {
  const ScratchFolder mine;
  const std::vector<std::string> wanted{sha256_of(kIndex), sha256_of(kDocuments)};
  {
    const Peer peer({kIndex, kDocuments});
    EXPECT_EQ(hold_artifacts(wanted, peer.into(mine)).held, wanted);
  }
  const Holding again = hold_artifacts(wanted, alone(mine));
  EXPECT_EQ(again.held, wanted);
  EXPECT_EQ(again.problem, "");
  EXPECT_EQ(mine.read(wanted.front()), kIndex);
}

TEST(ArtifactFolder, TakesNoDamagedFileAndMendsItFromAPeer) {
  const std::string name = sha256_of(kIndex);
  std::string flipped = kIndex;
  flipped[150'000] ^= 1;
  for (const std::string& bytes : {flipped, kIndex.substr(0, 1000), std::string()}) {
    const ScratchFolder mine;
    mine.write(name, bytes);
    const Holding damaged = hold_artifacts({name}, alone(mine));
    EXPECT_TRUE(damaged.held.empty()) << bytes.size();
    EXPECT_FALSE(damaged.problem.empty());
    const Peer peer({kIndex});
    EXPECT_EQ(hold_artifacts({name}, peer.into(mine)).held.size(), 1U);
    EXPECT_EQ(mine.read(name), kIndex);
  }
}

TEST(ArtifactFolder, OneThatNobodyHasKeepsNoOtherAway) {
  const ScratchFolder mine;
  const Peer peer({kIndex});
  const Holding holding = hold_artifacts({sha256_of("lost"), sha256_of(kIndex)}, peer.into(mine));
  EXPECT_EQ(holding.held, std::vector<std::string>{sha256_of(kIndex)});
  EXPECT_NE(holding.problem.find(sha256_of("lost")), std::string::npos) << holding.problem;
}

TEST(ArtifactFolder, LeavesNothingHalfWrittenOnAFullDisk) {
  const ScratchFolder mine;
  const Peer peer({kIndex, kDocuments});
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{.rlim_cur = 200'000, .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const Holding holding =
      hold_artifacts({sha256_of(kIndex), sha256_of(kDocuments)}, peer.into(mine));
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(holding.held, std::vector<std::string>{sha256_of(kDocuments)}) << "what has room";
  EXPECT_FALSE(holding.problem.empty());
  EXPECT_EQ(mine.files(), 1U);
}

TEST(ArtifactFolder, RemovesArtifactsThatNobodyWantsAndNothingElse) {
  const ScratchFolder mine;
  const std::string wanted = sha256_of("wanted");
  const std::string other = sha256_of("other");
  mine.write(wanted, "wanted");
  mine.write(other, "other");
  const std::vector<std::string> foreign{"notes.txt", "lost+found", other.substr(1), other + "0"};
  for (const std::string& name : foreign) {
    mine.write(name, "somebody's");
  }
  const std::string dead = wanted + ".partial.packages-holder-1.1";
  const std::string alive = wanted + ".partial.packages-holder-2.1";
  mine.write(alive, "half");
  std::filesystem::last_write_time(mine.write(dead, "half"),
                                   std::filesystem::file_time_type::clock::now() - hours(2));
  const Outcome<int> removed = remove_others(mine.path(""), {wanted});
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(*removed, 2);
  EXPECT_EQ(mine.read(other) + mine.read(dead), "");
  EXPECT_EQ(mine.read(wanted) + mine.read(alive), "wantedhalf");
  EXPECT_EQ(mine.files(), foreign.size() + 2);
}

TEST(ArtifactFolder, SaysWhenThereIsNoFolderToBeHad) {
  const ScratchFolder mine;
  EXPECT_TRUE(make_folder(mine.path("a/b")));
  EXPECT_TRUE(make_folder(mine.path("a/b")));
  mine.write("file", "");
  EXPECT_EQ(make_folder(mine.path("file/b")).error().code, ExitCode::kDisk);
  EXPECT_EQ(remove_others(mine.path("nowhere"), {}).error().code, ExitCode::kDisk);
  const Peer peer({kIndex});
  FetchOptions nowhere = peer.into(mine);
  nowhere.data_dir = mine.path("nowhere");
  EXPECT_TRUE(hold_artifacts({sha256_of(kIndex)}, nowhere).held.empty());
}

}  // namespace
}  // namespace sluice::worker
