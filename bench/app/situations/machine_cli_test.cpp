// SPDX-License-Identifier: Apache-2.0
// The program on machines as they are: devices and links as outputs, full disks, closed streams,
// signals, limits. docs/situations.md lists them.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/testing/cli_fixture.h"

namespace permafrost {
namespace machine_cli_test {
namespace fs = std::filesystem;

class Machine : public Cli {
 protected:
  static std::string quoted(const std::string& text) { return "'" + text + "'"; }

  // Starts `pretrain` with one long stretch between checkpoints, waits until a step was logged,
  // sends the signal, and returns the exit status; standard error is in the file "stderr".
  int pretrain_until(int signal, const std::string& out) const {
    const std::string config = tiny_config(), errors = path("stderr");
    const pid_t child = ::fork();
    if (child == 0) {
      const int file = ::open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
      ::dup2(file, STDERR_FILENO);
      ::dup2(file, STDOUT_FILENO);
      ::execl(PERMAFROST_PROGRAM, "permafrost", "pretrain", config.c_str(), "--json", "--quiet",
              "--out", out.c_str(), "--set", "steps=4000", "--set", "checkpoint_every=4000",
              static_cast<char*>(nullptr));
      ::_exit(127);
    }
    std::error_code ignored;
    const fs::path log = fs::path(out) / "log.jsonl";
    for (int wait = 0; wait < 1200 && !(fs::file_size(log, ignored) > 0 && !ignored); ++wait)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ::kill(child, signal);
    ::kill(child, signal);  // as `timeout` does: to the process and to its group
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  std::size_t lines_in(const std::string& text) const {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
};

TEST_F(Machine, OutputsThatAreNoFilesStayWhatTheyAre) {
  write("real.png", "before");
  fs::create_symlink("real.png", path("link.png"));
  ASSERT_EQ(program("masks --png " + path("link.png")).status, 0);
  EXPECT_TRUE(fs::is_symlink(path("link.png")));
  EXPECT_EQ(read_file(path("real.png")).substr(1, 3), "PNG");

  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const Ran piped = program("masks --png " + path("pipe") + " & cat " + path("pipe") + " | wc -c");
  EXPECT_NE(piped.out.find(std::to_string(fs::file_size(path("real.png")))), std::string::npos);
  EXPECT_TRUE(fs::is_fifo(path("pipe")));

  fs::create_directory(path("folder"));
  expect_refusal("masks --json --png " + path("folder") + " >/dev/null", {"folder", "a folder"});
  if (::mknod(path("null").c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0)
    GTEST_SKIP() << "this user may not make devices";
  const Ran run = program("masks --png " + path("null"));
  EXPECT_TRUE(run.status == 0 || run.err.find("Permission denied") != std::string::npos) << run.err;
  EXPECT_TRUE(fs::is_character_file(path("null")));
}

TEST_F(Machine, ThePictureMayGoToStandardOutput) {
  ASSERT_EQ(program("masks --json --png " + path("a.png")).status, 0);
  const Ran run = program("masks --json --png /dev/stdout");
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_NE(run.out.find(read_file(path("a.png"))), std::string::npos);
}

TEST_F(Machine, AFullStandardOutputIsAnError) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full on this system";
  for (const char* command : {"masks --json", "inspect", "inspect --json", "doctor", "--help",
                              "--version", "masks --grid 8,14,14 --batch 4 --stats"}) {
    const Ran run = program(std::string(command) + " >/dev/full");
    EXPECT_EQ(run.status, 1) << command;
    EXPECT_EQ(lines_in(run.err), 1U) << run.err;
    EXPECT_NE(run.err.find("standard output: cannot write"), std::string::npos) << run.err;
  }
}

TEST_F(Machine, AReaderThatHasSeenEnoughIsNone) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  const std::string into = " >&" + std::to_string(ends[1]);
  const Ran killed = program("inspect --json" + into);
  EXPECT_EQ(killed.err, "");
  const Ran ignoring = program("inspect --json" + into, "trap '' PIPE;");
  EXPECT_EQ(ignoring.err, "");
  EXPECT_EQ(ignoring.status, 1);
  ::close(ends[1]);
}

TEST_F(Machine, ClosedStreamsAreNoFiles) {
  ASSERT_EQ(program("masks --json --png " + path("a.png")).status, 0);
  const Ran closed = program("masks --json --png " + path("b.png") + " <&- >&-");
  EXPECT_EQ(closed.status, 1);
  EXPECT_NE(closed.err.find("standard output: cannot write"), std::string::npos) << closed.err;
  // What is printed does not go into the first file that is opened.
  EXPECT_EQ(read_file(path("b.png")), read_file(path("a.png")));
  EXPECT_EQ(program("pretrain " + tiny_config() + " --out " + path("run") + " <&-").status, 0);
  EXPECT_EQ(program("nonsense 2>&-; exit $?").status, 2);
}

TEST_F(Machine, ASignalLeavesACheckpoint) {
  for (const auto& [signal, status, name] :
       {std::tuple(SIGINT, 130, "SIGINT"), std::tuple(SIGTERM, 143, "SIGTERM"),
        std::tuple(SIGHUP, 129, "SIGHUP")}) {
    const std::string out = path(name);
    EXPECT_EQ(pretrain_until(signal, out), status);
    const std::string said = read_file(path("stderr"));
    EXPECT_EQ(lines_in(said), 2U) << said;  // the result as JSON, and one line
    EXPECT_NE(said.find("permafrost: stopped by " + std::string(name) + ": tiny at step "),
              std::string::npos)
        << said;
    ASSERT_EQ(said.front(), '{') << said;
    const auto steps = nlohmann::json::parse(said.substr(0, said.find('\n'))).at("steps");
    EXPECT_GT(steps, 0);
    EXPECT_LT(steps, 4000);
    EXPECT_EQ(lines_in(read_file(out + "/log.jsonl")), steps);  // one a step
    EXPECT_TRUE(fs::exists(out + "/checkpoint.safetensors"));
  }
}

// A limit on the size of files, as a stand-in for a disk that is full.
TEST_F(Machine, AWriteThatFailsLeavesNoHalfOfAFile) {
  const std::string command = "pretrain " + tiny_config() + " --quiet --out " + path("run");
  const Ran failed = program(command, "ulimit -f 8;");
  EXPECT_EQ(failed.status, 1);
  EXPECT_EQ(lines_in(failed.err), 1U) << failed.err;
  EXPECT_NE(failed.err.find("checkpoint.safetensors: cannot write: "), std::string::npos)
      << failed.err;
  for (const auto& entry : fs::directory_iterator(path("run")))
    EXPECT_FALSE(entry.path().filename().string().starts_with(".partial-")) << entry.path();
  EXPECT_FALSE(fs::exists(path("run/checkpoint.safetensors")));
  EXPECT_EQ(program(command).status, 0);
}

TEST_F(Machine, TooLittleMemoryIsOneLine) {
  if (program("doctor", "ulimit -v 4000000;").status != 0)
    GTEST_SKIP() << "this build needs more address space to begin with";
  const std::string large = write("large.json", R"({
    "objective": "vjepa", "masking": "multiblock", "batch": 64, "steps": 1,
    "encoder": {"width": 3072, "depth": 24, "heads": 16}})");
  const Ran run =
      program("pretrain " + large + " --quiet --out " + path("run"), "ulimit -v 4000000;");
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(lines_in(run.err), 1U) << run.err;
  EXPECT_NE(run.err.find("out of memory"), std::string::npos) << run.err;
}

TEST_F(Machine, NamesMayBeAnything) {
  const std::string odd = path("with space\nand line \xff");
  fs::create_directory(odd);
  const Ran run = program("pretrain " + tiny_config() + " --json --quiet --out " + quoted(odd));
  ASSERT_EQ(run.status, 0) << run.err;
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json.at("out"), path("with space\nand line \xef\xbf\xbd"));
  const Ran inspected = program("inspect --json " + quoted(odd + "/encoder.safetensors"));
  EXPECT_EQ(inspected.status, 0) << inspected.err;
  EXPECT_EQ(nlohmann::json::parse(inspected.out).at("spec").at("width"), 24);
  const std::string copy = odd + "/copy \xfe.safetensors";
  EXPECT_EQ(program("convert --json --encoder " + quoted(odd + "/encoder.safetensors") + " --out " +
                    quoted(copy))
                .status,
            0);
  EXPECT_TRUE(fs::exists(copy));
}

TEST_F(Machine, NoHomeNoTerminalNoLocale) {
  for (const char* before : {"env -i ", "env HOME=/nonexistent TERM=dumb LC_ALL=xx_YY.wrong ",
                             "env HOME= TERM= LANG=C "})
    for (const char* command : {"doctor --json", "inspect --json", "masks --json"}) {
      const Ran run = program(command, before);
      EXPECT_EQ(run.status, 0) << before << command << run.err;
      EXPECT_TRUE(nlohmann::json::accept(run.out)) << before << command;
    }
}

TEST_F(Machine, PathsThatAreTooLongAreRefused) {
  const std::string name(300, 'n');
  expect_refusal("masks --json --png " + path(name) + " >/dev/null", {"File name too long"});
  expect_refusal("pretrain " + tiny_config() + " --out " + path(name), {"--out"});
  expect_refusal("inspect " + path(name), {"nnn"});
}

TEST_F(Machine, ReadOnlyFoldersAreRefusedAtOnce) {
  // Root may write to any folder, unless it gives that up.
  std::string before;
  if (::geteuid() == 0) before = "setpriv --bounding-set=-dac_override --inh-caps=-dac_override ";
  if (program("--version", before).status != 0) GTEST_SKIP() << "this test is root and stays it";
  fs::create_directory(path("locked"));
  fs::permissions(path("locked"), fs::perms::owner_read | fs::perms::owner_exec);
  for (const std::string& command :
       {"pretrain " + tiny_config() + " --out " + path("locked"),
        "convert --encoder pico/vjepa-multiblock-1m --out " + path("locked/a.safetensors"),
        "masks --json --png " + path("locked/a.png"), "report " + path("locked")}) {
    const Ran run = program(command, before);
    EXPECT_EQ(run.status, 2) << command;
    EXPECT_EQ(lines_in(run.err), 1U) << run.err;
    EXPECT_NE(run.err.find(std::strerror(EACCES)), std::string::npos) << run.err;
    EXPECT_TRUE(fs::is_empty(path("locked")));
  }
}

}  // namespace machine_cli_test
}  // namespace permafrost
