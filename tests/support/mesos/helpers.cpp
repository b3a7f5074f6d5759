// Stands in for two programs that a Mesos agent starts and the Python package lacks: `mesos-containerizer launch`, which becomes a command,
// and `mesos-executor`, which runs one command task and speaks the v1 executor API. For tests only; small, so that hundreds can run at once.
//
// What it does as the real ones do: states and messages, TASK_KILLING where the framework can, SIGTERM to the command's whole session, a later
// kill with less grace brings the end forward, updates that are not acknowledged are told again on a new subscription. What the real agent does
// through a control group it does as a child subreaper: whatever a task leaves behind ends with it.
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

using std::string;
using std::vector;

// ---- JSON, as much as is needed: a tree that remembers each value's own text.

struct Json {
  char kind = 0;  // { [ " or anything else for numbers and words
  string text;    // a string's value
  string raw;
  vector<std::pair<string, Json>> members;
  vector<Json> items;
  const Json& operator[](const char* name) const {
    static const Json none;
    for (auto& [key, value] : members)
      if (key == name) return value;
    return none;
  }
  explicit operator bool() const { return kind != 0; }
};

static void utf8(string& out, unsigned code) {
  if (code < 0x80) out += char(code);
  else if (code < 0x800) out += {char(0xc0 | code >> 6), char(0x80 | (code & 63))};
  else if (code < 0x10000) out += {char(0xe0 | code >> 12), char(0x80 | (code >> 6 & 63)), char(0x80 | (code & 63))};
  else out += {char(0xf0 | code >> 18), char(0x80 | (code >> 12 & 63)), char(0x80 | (code >> 6 & 63)), char(0x80 | (code & 63))};
}

static Json parse(const string& s, size_t& at) {
  auto blank = [&] { while (at < s.size() && strchr(" \t\r\n,:", s[at])) at++; };
  blank();
  Json json;
  size_t start = at;
  if (at >= s.size()) return json;
  json.kind = s[at];
  if (s[at] == '{') {
    for (at++;;) {
      blank();
      if (at >= s.size() || s[at] == '}') break;
      string key = parse(s, at).text;
      json.members.emplace_back(key, parse(s, at));
    }
    at++;
  } else if (s[at] == '[') {
    for (at++;;) {
      blank();
      if (at >= s.size() || s[at] == ']') break;
      json.items.push_back(parse(s, at));
    }
    at++;
  } else if (s[at] == '"') {
    for (at++; at < s.size() && s[at] != '"'; at++) {
      if (s[at] != '\\') { json.text += s[at]; continue; }
      char c = s[++at];
      if (c == 'u') {
        auto hex = [&](size_t from) { return unsigned(strtoul(s.substr(from, 4).c_str(), nullptr, 16)); };
        unsigned code = hex(at + 1);
        at += 4;
        if (code >= 0xd800 && code < 0xdc00) { code = 0x10000 + ((code - 0xd800) << 10) + (hex(at + 3) - 0xdc00); at += 6; }
        utf8(json.text, code);
      } else json.text += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'b' ? '\b' : c == 'f' ? '\f' : c;
    }
    at++;
  } else {
    while (at < s.size() && !strchr(",}] \t\r\n", s[at])) at++;
  }
  json.raw = s.substr(start, at - start);
  return json;
}

static string quoted(const string& value) {
  string out = "\"";
  for (unsigned char c : value) {
    char buffer[8];
    if (c == '"' || c == '\\') { out += '\\'; out += char(c); }
    else if (c < 0x20) { snprintf(buffer, sizeof buffer, "\\u%04x", c); out += buffer; }
    else out += char(c);
  }
  return out + '"';
}

static string variable(const char* name) { const char* value = getenv(name); return value ? value : ""; }

// ---- mesos-containerizer launch: waits until the agent has prepared the container, then becomes the command.

static void become(const Json& command, bool withShell) {
  if (withShell) { execl("/bin/sh", "sh", "-c", command["value"].text.c_str(), nullptr); return; }
  vector<char*> words;
  for (auto& word : command["arguments"].items) words.push_back(strdup(word.text.c_str()));
  if (words.empty()) words.push_back(strdup(command["value"].text.c_str()));
  words.push_back(nullptr);
  execvp(command["value"].text.c_str(), words.data());
}

static bool isShell(const Json& command) { return !command["shell"] || command["shell"].raw == "true"; }

static int containerizer() {
  string text = variable("MESOS_CONTAINERIZER_LAUNCH_INFO");
  size_t at = 0;
  Json info = parse(text, at);
  if (getenv("MESOS_CONTAINERIZER_PIPE_READ")) {
    int in = atoi(variable("MESOS_CONTAINERIZER_PIPE_READ").c_str());
    if (getenv("MESOS_CONTAINERIZER_PIPE_WRITE")) close(atoi(variable("MESOS_CONTAINERIZER_PIPE_WRITE").c_str()));
    char byte;
    if (read(in, &byte, 1) != 1) return 1;
    close(in);
  }
  if (info["working_directory"] && chdir(info["working_directory"].text.c_str()) != 0) return 1;
  for (auto name : {"LAUNCH_INFO", "PIPE_READ", "PIPE_WRITE", "CONTAINER_FORK_CLOEXEC", "NAMESPACE_MNT_TARGET"})
    unsetenv((string("MESOS_CONTAINERIZER_") + name).c_str());
  for (auto& one : info["environment"]["variables"].items) setenv(one["name"].text.c_str(), one["value"].text.c_str(), 1);
  // A local cluster lets tasks write to the agent's own log; a real agent gives each the files of its sandbox.
  string sandbox = variable("MESOS_SANDBOX");
  for (auto [name, target] : {std::pair{"stdout", 1}, std::pair{"stderr", 2}}) {
    int fd = open((sandbox + "/" + name).c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd >= 0) dup2(fd, target), close(fd);
  }
  become(info["command"], isShell(info["command"]));
  perror("The command cannot be run");
  return 127;
}

// ---- mesos-executor

static string agentHost, agentPort, agentPath, ids;
static vector<std::pair<string, string>> unacknowledged;  // uuid and the update's JSON
static string task, taskId, agentId, executorId;
// An end that nobody acknowledges is kept for so long, and an agent that is not there is tried again so soon.
static const double KEPT_SECONDS = 900, RECONNECT_SECONDS = 0.2;
static double defaultGrace = 3;
static bool tellsKilling = false, killed = false, ended = false;
static pid_t child = 0;
static double killedAt = 0, killAt = 0;

static double now() { timeval t; gettimeofday(&t, nullptr); return t.tv_sec + t.tv_usec / 1e6; }

static int connectToAgent() {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(atoi(agentPort.c_str()));
  inet_pton(AF_INET, agentHost.c_str(), &address.sin_addr);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) { close(fd); return -1; }
  return fd;
}

static bool sendCall(int fd, const string& body) {
  string request = "POST " + agentPath + " HTTP/1.1\r\nHost: " + agentHost + "\r\nContent-Type: application/json\r\nAccept: application/json\r\n" +
                   "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (size_t sent = 0; sent < request.size();) {
    ssize_t count = send(fd, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += count;
  }
  return true;
}

// One call on a connection of its own. What is lost with the agent is told again by the next subscription; an agent that is there and busy is waited
// for, since nobody would tell it again while the subscription stands.
static void post(const string& call) {
  int fd = connectToAgent();
  if (fd < 0) return;
  timeval limit{60, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  char answer[512];
  if (sendCall(fd, call)) (void)!read(fd, answer, sizeof answer);
  close(fd);
}

static string base64(const unsigned char* data, size_t size) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  string out;
  for (size_t i = 0; i < size; i += 3) {
    unsigned n = data[i] << 16 | (i + 1 < size ? data[i + 1] : 0) << 8 | (i + 2 < size ? data[i + 2] : 0);
    out += letters[n >> 18];
    out += letters[n >> 12 & 63];
    out += i + 1 < size ? letters[n >> 6 & 63] : '=';
    out += i + 2 < size ? letters[n & 63] : '=';
  }
  return out;
}

static void update(const string& state, const string& extra = "") {
  unsigned char uuid[16];
  int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (read(fd, uuid, 16) != 16) abort();
  close(fd);
  // The agent takes version 4 alone.
  uuid[6] = (uuid[6] & 15) | 64;
  uuid[8] = (uuid[8] & 63) | 128;
  string id = base64(uuid, 16);
  char time[32];
  snprintf(time, sizeof time, "%.6f", now());
  string status = "{\"status\":{\"task_id\":{\"value\":" + quoted(taskId) + "},\"state\":\"" + state + "\",\"source\":\"SOURCE_EXECUTOR\",\"uuid\":\"" +
                  id + "\",\"timestamp\":" + time + ",\"executor_id\":{\"value\":" + quoted(executorId) + "},\"agent_id\":{\"value\":" + quoted(agentId) +
                  "}" + extra + "}}";
  unacknowledged.emplace_back(id, status);
  post("{\"type\":\"UPDATE\"," + ids + ",\"update\":" + status + "}");
}

static void launch(const Json& json) {
  task = json.raw;
  taskId = json["task_id"]["value"].text;
  agentId = json["agent_id"]["value"].text;
  if (json["kill_policy"]) defaultGrace = strtod(json["kill_policy"]["grace_period"]["nanoseconds"].raw.c_str(), nullptr) / 1e9;
  const Json& command = json["command"];
  update("TASK_STARTING");
  child = fork();
  if (child == 0) {
    setsid();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (auto& one : command["environment"]["variables"].items) setenv(one["name"].text.c_str(), one["value"].text.c_str(), 1);
    become(command, isShell(command));
    perror("The command cannot be run");
    _exit(127);
  }
  update("TASK_RUNNING");
}

// Everything that descends from this process: a child subreaper has all of them as children in the end. /proc is read only where there is a
// child at all: with thousands of tasks on one machine each look at it takes a tenth of a second.
static void endLeftovers() {
  for (int round = 0; round < 100; round++) {
    pid_t waited;
    while ((waited = waitpid(-1, nullptr, WNOHANG)) > 0) {}
    if (waited < 0) return;
    bool any = false;
    DIR* all = opendir("/proc");
    while (dirent* entry = readdir(all)) {
      int pid = atoi(entry->d_name);
      if (pid <= 0) continue;
      FILE* file = fopen((string("/proc/") + entry->d_name + "/stat").c_str(), "re");
      if (file == nullptr) continue;
      char line[1024];
      if (fgets(line, sizeof line, file)) {
        char* close = strrchr(line, ')');
        int parent = 0;
        if (close && sscanf(close + 4, "%d", &parent) == 1 && parent == getpid()) { kill(pid, SIGKILL); any = true; }
      }
      fclose(file);
    }
    closedir(all);
    while (waitpid(-1, nullptr, WNOHANG) > 0) {}
    if (!any) return;
    usleep(5000);
  }
}

static void signalSession(int signal) { kill(-child, signal); }

static void killTask(const Json& json) {
  if (child == 0 || ended) return;
  double grace = defaultGrace;
  if (json["kill_policy"]) grace = strtod(json["kill_policy"]["grace_period"]["nanoseconds"].raw.c_str(), nullptr) / 1e9;
  if (!killed) {
    killed = true;
    killedAt = now();
    killAt = killedAt + grace;
    if (tellsKilling) update("TASK_KILLING");
    signalSession(SIGTERM);
  } else if (killedAt + grace < killAt) killAt = killedAt + grace;
}

static void reap() {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != child || ended) continue;
    ended = true;
    endLeftovers();
    string message = WIFEXITED(status) ? "Command exited with status " + std::to_string(WEXITSTATUS(status))
                                       : string("Command terminated with signal ") + strsignal(WTERMSIG(status));
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    update(killed ? "TASK_KILLED" : good ? "TASK_FINISHED" : "TASK_FAILED", ",\"message\":" + quoted(message));
  }
}

static void handle(const string& text) {
  size_t at = 0;
  Json event = parse(text, at);
  const string& type = event["type"].text;
  if (type == "SUBSCRIBED") {
    tellsKilling = event["subscribed"]["framework_info"].raw.find("TASK_KILLING_STATE") != string::npos;
  } else if (type == "LAUNCH") {
    if (child == 0) launch(event["launch"]["task"]);
  } else if (type == "KILL") {
    killTask(event["kill"]);
  } else if (type == "ACKNOWLEDGED") {
    const string& uuid = event["acknowledged"]["uuid"].text;
    for (auto it = unacknowledged.begin(); it != unacknowledged.end(); ++it)
      if (it->first == uuid) { unacknowledged.erase(it); break; }
  } else if (type == "SHUTDOWN") {
    if (child > 0 && !ended) signalSession(SIGKILL);
    endLeftovers();
    _exit(0);
  }
}

// Bytes of a chunked answer whose chunks hold records: "SIZE\n" and so many bytes.
struct Stream {
  string wire, records;
  bool head = false;
  void take(const char* data, size_t size) {
    wire.append(data, size);
    if (!head) {
      size_t end = wire.find("\r\n\r\n");
      if (end == string::npos) return;
      wire.erase(0, end + 4);
      head = true;
    }
    for (;;) {
      size_t line = wire.find("\r\n");
      if (line == string::npos) break;
      size_t length = strtoul(wire.c_str(), nullptr, 16);
      if (wire.size() < line + 2 + length + 2) break;
      records.append(wire, line + 2, length);
      wire.erase(0, line + 2 + length + 2);
    }
    for (;;) {
      size_t line = records.find('\n');
      if (line == string::npos) return;
      size_t length = strtoul(records.c_str(), nullptr, 10);
      if (records.size() < line + 1 + length) return;
      string record = records.substr(line + 1, length);
      records.erase(0, line + 1 + length);
      handle(record);
    }
  }
};

static string subscribeCall() {
  string updates;
  for (auto& [uuid, status] : unacknowledged) updates += (updates.empty() ? "" : ",") + status;
  return "{\"type\":\"SUBSCRIBE\"," + ids + ",\"subscribe\":{\"unacknowledged_tasks\":[" + (unacknowledged.empty() ? "" : task) +
         "],\"unacknowledged_updates\":[" + updates + "]}}";
}

static void tick() {
  reap();
  if (killed && !ended && now() >= killAt) signalSession(SIGKILL);
}

// Milliseconds until the next tick has something to do by itself; -1 where only the agent or a child's end can bring that.
static int untilTick(double endedAt) {
  if (ended) return 1000 * std::max(0.0, endedAt + KEPT_SECONDS - now()) + 1;
  // A session that took its SIGKILL badly is told again.
  if (killed) return 1000 * std::max(0.02, killAt - now()) + 1;
  return -1;
}

// Waits for bytes of the agent or the end of a child, which comes as a signal; -1 where there is no connection.
static bool waitForBytes(int fd, int children, int limitMs) {
  pollfd both[2] = {{children, POLLIN, 0}, {fd, POLLIN, 0}};
  if (poll(both, fd < 0 ? 1 : 2, limitMs) <= 0) return false;
  signalfd_siginfo told;
  if (both[0].revents) while (read(children, &told, sizeof told) > 0) {}
  return fd >= 0 && both[1].revents != 0;
}

static int executor() {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  signal(SIGPIPE, SIG_IGN);
  // It sleeps until something happens: thousands that look fifty times a second would leave no time for anything else.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGCHLD);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  int children = signalfd(-1, &ends, SFD_NONBLOCK | SFD_CLOEXEC);
  string endpoint = variable("MESOS_AGENT_ENDPOINT");
  agentHost = endpoint.substr(0, endpoint.find(':'));
  agentPort = endpoint.substr(endpoint.find(':') + 1);
  // Several agents share a port; each has a path of its own.
  string pid = variable("MESOS_SLAVE_PID");
  agentPath = "/" + pid.substr(0, pid.find('@')) + "/api/v1/executor";
  executorId = variable("MESOS_EXECUTOR_ID");
  ids = "\"framework_id\":{\"value\":" + quoted(variable("MESOS_FRAMEWORK_ID")) + "},\"executor_id\":{\"value\":" + quoted(executorId) + "}";
  double endedAt = 0;
  for (;;) {
    int fd = connectToAgent();
    if (fd >= 0 && sendCall(fd, subscribeCall())) {
      Stream stream;
      for (;;) {
        // Once all is acknowledged nothing is left to do; an end that nobody acknowledges is kept for a while.
        if (ended && endedAt == 0) endedAt = now();
        if (ended && (unacknowledged.empty() || now() - endedAt > KEPT_SECONDS)) _exit(0);
        if (waitForBytes(fd, children, untilTick(endedAt))) {
          char buffer[65536];
          ssize_t count = read(fd, buffer, sizeof buffer);
          if (count <= 0) break;
          stream.take(buffer, count);
        }
        tick();
      }
    }
    if (fd >= 0) close(fd);
    double next = now() + RECONNECT_SECONDS;
    while (now() < next) {
      waitForBytes(-1, children, 1000 * (next - now()) + 1);
      tick();
    }
  }
}

int main(int, char** argv) {
  string name = argv[0];
  name = name.substr(name.rfind('/') + 1);
  return name == "mesos-containerizer" ? containerizer() : executor();
}
