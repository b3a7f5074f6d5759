/*
 * Plays the rest of a Jenkins for tests of the hook: makes the instance of hook/stubs/jenkins, runs the hook in it as Jenkins runs its init
 * scripts, and does what a line of standard input says, each a JSON object with `act`. Each line is answered with one of standard output.
 */

import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import hudson.ExtensionList
import hudson.init.InitMilestone
import hudson.model.*
import hudson.model.listeners.RunListener
import hudson.model.queue.QueueListener
import hudson.model.queue.QueueTaskDispatcher
import hudson.slaves.*
import jenkins.model.Jenkins
import jenkins.model.queue.AsynchronousExecution
import jenkins.security.ApiTokenProperty

class StubJob extends Job<StubJob, StubRun> {
  String fullName
}

class StubRun extends Run<StubJob, StubRun> implements Queue.Executable {
  StubJob parent
  int number
  long queueId
  Result result

  void run() {}
}

class StubTask implements Queue.Task {
  String fullDisplayName
  Label assignedLabel
  long queueId

  Queue.Executable createExecutable() {
    return new StubRun(parent: new StubJob(fullName: fullDisplayName), number: 1, queueId: queueId)
  }
}

class StubFlyweightTask extends StubTask implements Queue.FlyweightTask {}

/** A step of a Pipeline: what it runs is not a build, but belongs to one. */
class StubStepTask extends StubTask {
  Queue.Executable createExecutable() { return new StubStep(parentExecutable: super.createExecutable()) }
}

class StubStep implements Queue.Executable {
  Queue.Executable parentExecutable
  boolean continues

  void run() {}

  boolean willContinue() { return continues }
}

class StubAsynchronous extends AsynchronousExecution {
  boolean blocksRestart() { return false }
}

class Driver {
  final Hudson jenkins
  final File hook

  Driver(File root, File hook) {
    this.jenkins = new Hudson(root)
    this.hook = hook
  }

  void runHook() {
    new GroovyShell(getClass().getClassLoader()).evaluate(hook)
    jenkins.initLevel = InitMilestone.COMPLETED
  }

  Map runHook(Map line) {
    runHook()
    return [:]
  }

  Map schedule(Map line) {
    Class type = [flyweight: StubFlyweightTask, step: StubStepTask].get(line.kind) ?: StubTask
    def task = type.newInstance([fullDisplayName: line.task, assignedLabel: line.label == null ? null : new Label(line.label)])
    task.queueId = jenkins.queue.lastId + 1
    return [id: jenkins.queue.schedule(task)]
  }

  Map scheduleMany(Map line) {
    (1..line.count).each { schedule([task: 'many ' + it + (line.suffix ?: ''), label: 'none']) }
    return [:]
  }

  /** A node that is there before, or beside, those that are wanted. */
  Map addNode(Map line) {
    def node = new DumbSlave(line.name, '/there', new JNLPLauncher())
    node.nodeDescription = line.description
    node.labelString = line.labels
    jenkins.addNode(node)
    return [:]
  }

  Map connect(Map line) {
    def computer = computer(line)
    computer.online = true
    listeners(ComputerListener).each { it.onOnline(computer, null) }
    jenkins.queue.scheduleMaintenance()
    return [given: computer.executors.any { it.workUnit != null }]
  }

  Map disconnect(Map line) {
    def computer = computer(line)
    computer.online = false
    computer.offlineCause = new OfflineCause.ChannelTermination(new IOException('gone'))
    listeners(ComputerListener).each { it.onOffline(computer, computer.offlineCause) }
    return [:]
  }

  /** The executor begins with the item that the queue has given it. */
  Map begin(Map line) {
    def executor = computer(line).executors.find { it.workUnit != null }
    def task = executor.workUnit.task
    executor.executable = task.createExecutable()
    listeners(ExecutorListener).each { it.taskAccepted(executor, task) }
    if (executor.executable instanceof StubStep) executor.asynchronousExecution = new StubAsynchronous()
    else listeners(RunListener).each { it.onStarted(executor.executable, null) }
    return [:]
  }

  Map finish(Map line) {
    def executor = computer(line).executors.find { it.executable != null }
    def task = executor.workUnit.task
    if (executor.executable instanceof StubStep) executor.executable.continues = line.continues == true
    else {
      executor.executable.result = Result.SUCCESS
      listeners(RunListener).each { it.onFinalized(executor.executable) }
    }
    listeners(ExecutorListener).each { it.taskCompleted(executor, task, 1L) }
    executor.asynchronousExecution = null
    executor.executable = null
    executor.workUnit = null
    jenkins.queue.scheduleMaintenance()
    return [given: executor.workUnit != null]
  }

  Map terminate(Map line) {
    jenkins.terminating = line.terminating
    return [:]
  }

  Map state(Map line) {
    def details = User.get('manor').getProperty(hudson.security.HudsonPrivateSecurityRealm.Details)
    return [
      nodes: jenkins.nodes.collect { node ->
        [name: node.nodeName, root: node.remoteFS, labels: node.labelString, mode: String.valueOf(node.mode), executors: node.numExecutors,
          description: node.nodeDescription, webSocket: node.launcher.webSocket, retention: node.retentionStrategy?.getClass()?.getSimpleName(),
          accepting: node.toComputer().acceptingTasks, busy: node.toComputer().countBusy()]
      },
      executors: jenkins.numExecutors, port: jenkins.slaveAgentPort, saved: jenkins.saves > 0,
      realm: jenkins.securityRealm.getClass().getSimpleName(), signup: jenkins.securityRealm.allowsSignup(),
      anonymousRead: jenkins.authorizationStrategy.allowAnonymousRead, crumbs: jenkins.crumbIssuer?.excludeClientIPFromCrumb,
      password: details?.isPasswordCorrect(line.password), tokens: User.get('manor').getProperty(ApiTokenProperty).tokenList*.name,
      quietReason: jenkins.quietDownReason,
      listeners: [RunListener, ComputerListener, ExecutorListener, QueueListener, QueueTaskDispatcher].collect { listeners(it).size() },
      threads: Thread.getAllStackTraces().keySet().findAll { it.name.startsWith('manor hook: ') }.size(),
      rootUrl: jenkins.model.JenkinsLocationConfiguration.get().url,
    ]
  }

  private ExtensionList listeners(Class point) { return jenkins.getExtensionList(point) }

  private Computer computer(Map line) { return jenkins.getNode(line.name).toComputer() }
}

def driver = new Driver(new File(args[0]), new File(args[1]))
def slurper = new JsonSlurper()
System.in.newReader('UTF-8').eachLine { text ->
  def line = slurper.parseText(text)
  def answer
  try {
    answer = driver."${line.act}"(line)
  } catch (Throwable failure) {
    answer = [failure: failure.toString()]
  }
  System.out.println(JsonOutput.toJson(answer))
  System.out.flush()
}
System.exit(0)
