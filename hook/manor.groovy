/*
 * Manor's hook: the one script of ours that runs inside a controller, Jenkins (2.541 and later) and Hudson 2.2.1 alike.
 *
 * What it does, in order: secures the instance before its first request is served (ManorSecurity), then talks to Manor from daemon threads
 * (ManorHook wires them): says hello, reports the queue and the nodes (ManorReport), carries out what Manor wants (ManorNodes), sends build
 * events (ManorEvents). The messages and their meaning are src/agents/protocol.ts; the policy file is src/controllers/hook-policy.ts.
 *
 * What it promises:
 * - An instance that could not be secured does not serve: the program is halted.
 * - The controller never waits for Manor. Listeners only set flags; requests, node changes and files are the work of our own threads.
 * - Everything that matters is a level, told again; build events alone are edges, kept in a bounded buffer until Manor has them.
 * - Run twice in one program (from the script console), the later run takes the place of the earlier.
 *
 * It is one long file because it has to be: Hudson runs one script and no other, and Jenkins compiles each of its own apart.
 *
 * Traps that shaped it:
 * - The two families carry Groovy 2.4.21 and Groovy 1.8.1, both on Java 17 and later. 1.8.1 cannot touch an object or a class of a package
 *   that is not open to it (it makes all constructors accessible first): such objects are only reached through `ManorReach`.
 * - A class that one family lacks may not be named outside a string: the script would not compile there, and the controller would start
 *   unsecured. `ManorFamily` is the one place that knows the differences, by what exists and never by version.
 * - No object of a class of this file may be stored in what the controller saves: its XStream refuses it, or cannot read it at the next
 *   start. Listeners and dispatchers are never saved; nodes are made of core types only.
 * - Queue listeners and dispatchers run under the queue's lock: no requests, no files, no other lock that is held for long.
 */

import hudson.model.Computer
import hudson.model.Executor
import hudson.model.ExecutorListener
import hudson.model.Node
import hudson.model.OneOffExecutor
import hudson.model.Queue
import hudson.model.Run
import hudson.model.TaskListener
import hudson.model.listeners.RunListener
import hudson.model.queue.CauseOfBlockage
import hudson.model.queue.QueueTaskDispatcher
import hudson.slaves.ComputerListener
import hudson.slaves.DumbSlave
import hudson.slaves.JNLPLauncher
import hudson.slaves.OfflineCause
import hudson.slaves.RetentionStrategy
import java.lang.reflect.Method

/** The bounds of everything that could grow, and the periods of everything that repeats. Times are milliseconds. */
class ManorBounds {
  /** Most queue items in a report, as the protocol says; the oldest are kept. */
  static final int REPORT_ITEMS = 5000
  /** Characters of all items of a report: at three bytes each they stay below the largest body that Manor takes (4 MB). */
  static final int REPORT_CHARACTERS = 1200000
  /** Most nodes in a report. */
  static final int REPORT_NODES = 5000
  /** Items whose reason for waiting is told: it costs a walk over all nodes for each. */
  static final int REASONS = 500
  /** Events kept while Manor is away: about 2 MB, and an hour of a build each second. */
  static final int EVENTS = 4000
  static final int EVENT_BATCH = 500
  /** Largest answer that is read, in bytes: a full Wanted of the largest size allowed. */
  static final int ANSWER_BYTES = 16 * 1024 * 1024

  /** Changes of the queue come in swarms (a matrix, a push to forty jobs): one report tells them all. */
  static final long COALESCE = 15
  /** How often a family without queue events is looked at. */
  static final long QUEUE_POLL = 100
  static final long REPORT_INTERVAL = 10000
  /** How often a node is looked at whose build is ending, and how often all are, should nothing have happened. */
  static final long ENDING_POLL = 25
  static final long NODES_POLL = 2000
  /** After a start, a Pipeline may take a while to ask for the node it ran on: until then a used node is not ours to remove. */
  static final long RESUME_GRACE = 120000
  static final long FIRST_RETRY = 250
  static final long LAST_RETRY = 10000
  /** After 401 the token was revoked: Manor may restore it, but nobody is in a hurry. */
  static final long REVOKED_RETRY = 60000

  /** Names of used nodes that are remembered after nobody knows them any more: about 30 kB. */
  static final int USED_NAMES = 1000

  static final int CONNECT_TIMEOUT = 5000
  static final int ANSWER_TIMEOUT = 15000
  static final int POLL_SECONDS = 25
  static final int TEXT = 1000
  static final int LONG_TEXT = 2000

  static String cut(Object text, int length) {
    if (text == null) return null
    String whole = String.valueOf(text)
    return whole.length() <= length ? whole : whole.substring(0, length - 1) + '…'
  }
}

/** Calls methods of the JDK's own classes by way of the exported type that declares them, which both Groovy versions may do on any Java. */
class ManorReach {
  /** Calls `type`'s public method `name` on `target` (null for a static one). What the method throws is thrown as it is. */
  static Object call(Class type, Object target, String name, Object... arguments) {
    Method method = methodOf(type, name, arguments.length)
    try {
      return method.invoke(target, arguments)
    } catch (java.lang.reflect.InvocationTargetException wrapped) {
      throw wrapped.getCause()
    }
  }

  /** Asks the class by java.beans.Expression: asked by Groovy 1.8.1, a class must be in a package that is open to it. */
  private static Method methodOf(Class type, String name, int arity) {
    Method[] methods = (Method[]) new java.beans.Expression(type, 'getMethods', new Object[0]).getValue()
    for (Method method : methods) if (method.getName() == name && method.getParameterTypes().length == arity) return method
    throw new NoSuchMethodException(name + ' with ' + arity + ' arguments')
  }
}

/** The controller's own log, under the name `manor.hook`. Says a thing once; the token is taken out of whatever is logged. */
class ManorLog {
  static volatile String secret = null

  static void info(String message) { write('INFO', message, null) }

  static void warning(String message, Throwable cause) { write('WARNING', message, cause) }

  private static void write(String level, String message, Throwable cause) {
    String text = cause == null ? message : message + ': ' + reason(cause)
    if (secret != null) text = text.replace(secret, '(token)')
    try {
      def logger = ManorReach.call(java.util.logging.Logger, null, 'getLogger', 'manor.hook')
      def parsed = ManorReach.call(java.util.logging.Level, null, 'parse', level)
      Method logp = null
      for (Method method : (Method[]) new java.beans.Expression(java.util.logging.Logger, 'getMethods', new Object[0]).getValue())
        if (method.getName() == 'logp' && method.getParameterTypes().length == 4 && method.getParameterTypes()[3] == String) logp = method
      logp.invoke(logger, parsed, 'manor', 'hook', text)
    } catch (Throwable unlogged) {
      System.err.println('manor.hook ' + level + ' ' + text)
    }
  }

  /** A throwable in one line, its causes included: what a person needs to mend it. */
  static String reason(Throwable thrown) {
    List parts = []
    for (Throwable each = thrown; each != null && parts.size() < 4; each = each.getCause()) parts << each.toString()
    return ManorBounds.cut(parts.join(', because of '), ManorBounds.LONG_TEXT)
  }
}

/** JSON, as much as the protocol needs: groovy.json escapes and parses differently in the two Groovy versions. */
class ManorJson {
  static String write(Object value) {
    StringBuilder out = new StringBuilder()
    append(out, value)
    return out.toString()
  }

  private static void append(StringBuilder out, Object value) {
    if (value == null || value instanceof Boolean) out.append(String.valueOf(value))
    else if (value instanceof Number) out.append(number((Number) value))
    else if (value instanceof Map) appendAll(out, '{', '}', ((Map) value).entrySet())
    else if (value instanceof Collection) appendAll(out, '[', ']', (Collection) value)
    else appendString(out, String.valueOf(value))
  }

  private static void appendAll(StringBuilder out, String open, String close, Collection parts) {
    out.append(open)
    boolean first = true
    for (part in parts) {
      if (!first) out.append(',')
      first = false
      if (part instanceof Map.Entry) {
        Map.Entry entry = (Map.Entry) part
        appendString(out, String.valueOf(entry.getKey()))
        out.append(':')
        append(out, entry.getValue())
      } else append(out, part)
    }
    out.append(close)
  }

  /** JSON has no NaN and no infinity. */
  private static String number(Number value) {
    double asDouble = value.doubleValue()
    return Double.isNaN(asDouble) || Double.isInfinite(asDouble) ? '0' : String.valueOf(value)
  }

  private static void appendString(StringBuilder out, String text) {
    out.append('"')
    for (int index = 0; index < text.length(); index++) {
      int code = text.codePointAt(index)
      if (code > 0xFFFF) {
        out.appendCodePoint(code)
        index++
      } else if (code == 0x22 || code == 0x5C) out.append('\\').appendCodePoint(code)
      // A half of a surrogate pair cannot be encoded, and U+2028 and U+2029 end a line in some readers.
      else if (code < 0x20 || (code >= 0xD800 && code <= 0xDFFF) || code == 0x2028 || code == 0x2029)
        out.append('\\u').append(String.format('%04x', code))
      else out.appendCodePoint(code)
    }
    out.append('"')
  }

  /** Reads a document: maps, lists, strings, Long or Double, booleans, null. Throws IllegalArgumentException with the position. */
  static Object read(String text) {
    ManorJson reader = new ManorJson()
    reader.text = text
    Object value = reader.value()
    reader.blanks()
    if (reader.at < text.length()) reader.fail('the end')
    return value
  }

  String text
  int at = 0

  private Object value() {
    blanks()
    if (at >= text.length()) fail('a value')
    String next = text.substring(at, at + 1)
    if (next == '{') return readMap()
    if (next == '[') return readList()
    if (next == '"') return readString()
    if (text.startsWith('true', at)) return word(4, true)
    if (text.startsWith('false', at)) return word(5, false)
    if (text.startsWith('null', at)) return word(4, null)
    return readNumber()
  }

  private Map readMap() {
    Map map = new LinkedHashMap()
    at++
    if (skip('}')) return map
    while (true) {
      blanks()
      if (!text.startsWith('"', at)) fail('a name')
      String key = readString()
      if (!skip(':')) fail('a colon')
      map.put(key, value())
      if (skip('}')) return map
      if (!skip(',')) fail('a comma or }')
    }
  }

  private List readList() {
    List list = new ArrayList()
    at++
    if (skip(']')) return list
    while (true) {
      list.add(value())
      if (skip(']')) return list
      if (!skip(',')) fail('a comma or ]')
    }
  }

  private String readString() {
    StringBuilder out = null
    int from = ++at
    while (true) {
      int quote = text.indexOf('"', at)
      int escape = text.indexOf('\\', at)
      if (quote < 0) fail('the end of a string')
      if (escape < 0 || escape > quote) {
        at = quote + 1
        String rest = text.substring(from, quote)
        return out == null ? rest : out.append(rest).toString()
      }
      if (out == null) out = new StringBuilder()
      out.append(text.substring(from, escape))
      at = escape + 1
      out.append(readEscape())
      from = at
    }
  }

  private String readEscape() {
    if (at >= text.length()) fail('an escape')
    String kind = text.substring(at, at + 1)
    at++
    if (kind == 'u') {
      if (at + 4 > text.length()) fail('four hexadecimal digits')
      String digits = text.substring(at, at + 4)
      at += 4
      return new String([Integer.parseInt(digits, 16)] as int[], 0, 1)
    }
    int index = '"\\/bfnrt'.indexOf(kind)
    if (index < 0) fail('an escape')
    return '"\\/\b\f\n\r\t'.substring(index, index + 1)
  }

  private Number readNumber() {
    int from = at
    while (at < text.length() && '+-.0123456789eE'.indexOf(text.substring(at, at + 1)) >= 0) at++
    String digits = text.substring(from, at)
    if (digits.length() == 0) fail('a value')
    try {
      return digits.matches('-?[0-9]{1,18}') ? (Number) Long.valueOf(digits) : (Number) Double.valueOf(digits)
    } catch (NumberFormatException malformed) {
      fail('a number')
    }
  }

  private Object word(int length, Object meaning) {
    at += length
    return meaning
  }

  private boolean skip(String token) {
    blanks()
    if (!text.startsWith(token, at)) return false
    at++
    return true
  }

  private void blanks() {
    while (at < text.length() && ' \t\r\n'.indexOf(text.substring(at, at + 1)) >= 0) at++
  }

  private void fail(String expected) {
    throw new IllegalArgumentException('Not JSON at character ' + at + ': expected ' + expected + '.')
  }
}

/** A flag that wakes a thread. Raising it is cheap and never blocks, so listeners may do it under the queue's lock. */
class ManorSignal {
  private boolean raised = false

  synchronized void raise() {
    raised = true
    notifyAll()
  }

  /** Waits until the flag is raised or the time is over, lowers it, and says whether it was raised. */
  synchronized boolean await(long milliseconds) {
    long end = System.nanoTime() + milliseconds * 1000000L
    while (!raised) {
      long left = (long) ((end - System.nanoTime()).intdiv(1000000L))
      if (left <= 0) break
      wait(left)
    }
    boolean was = raised
    raised = false
    return was
  }
}

/** A closure as a Runnable and nothing else: one that is passed as it is fits two of the queue's methods. */
class ManorWork implements Runnable {
  private final Closure work
  volatile Object result = null

  ManorWork(Closure work) { this.work = work }

  void run() { result = work.call() }
}

/**
 * The controller, and the one place that knows what differs between the families. Everything is asked by what exists.
 */
class ManorFamily {
  static final String DESCRIPTION = 'manor:'

  final Class type
  final Object instance
  /** Whether it is Jenkins, which has queue events, executor events, API tokens and WebSocket agents. */
  final boolean isJenkins
  final String version
  /** Random, new at each start of the program, the same when the hook is run again in it. */
  final String boot

  ManorFamily() {
    Class jenkins = optionalClass('jenkins.model.Jenkins')
    isJenkins = jenkins != null
    type = isJenkins ? jenkins : optionalClass('hudson.model.Hudson')
    instance = isJenkins ? type.getInstanceOrNull() : type.getInstance()
    version = String.valueOf(type.VERSION)
    if (System.getProperty('manor.hook.boot') == null)
      System.setProperty('manor.hook.boot', UUID.randomUUID().toString().replace('-', '').substring(0, 12))
    boot = System.getProperty('manor.hook.boot')
  }

  String getName() { return isJenkins ? 'jenkins' : 'hudson' }

  static Class optionalClass(String name) {
    try {
      return Class.forName(name, true, Node.getClassLoader())
    } catch (ClassNotFoundException absent) {
      return null
    }
  }

  /** Whether a method of that name and with that many arguments can be called. */
  static boolean can(Object target, String method, int arity) {
    return target.getClass().getMethods().any { it.getName() == method && it.getParameterTypes().length == arity }
  }

  /** For the life of the calling thread, which must be one of ours: the controller checks permissions of threads too. */
  static void becomeSystem() {
    Class acl = optionalClass('hudson.security.ACL')
    if (acl.getMethods().any { it.getName() == 'as2' }) acl.as2(acl.SYSTEM2)
    else optionalClass('org.acegisecurity.context.SecurityContextHolder').getContext().setAuthentication(acl.SYSTEM)
  }

  boolean isStarted() { return instance.getInitLevel() == hudson.init.InitMilestone.COMPLETED }

  boolean isEnding() { return instance.isTerminating() }

  // --- queue

  /** Under the queue's lock no item can be given to an executor, and none can begin. */
  Object withQueueLock(Closure work) {
    Object queue = instance.getQueue()
    if (!isJenkins) synchronized (queue) { return work.call() }
    ManorWork locked = new ManorWork(work)
    queue.withLock(locked)
    return locked.result
  }

  List buildableItems() { return new ArrayList(instance.getQueue().getBuildableItems()) }

  List pendingItems() { return new ArrayList(instance.getQueue().getPendingItems()) }

  List allItems() { return instance.getQueue().getItems() as List }

  void wakeQueue() { instance.getQueue().scheduleMaintenance() }

  /**
   * Hudson leaves the work on its queue to idle executors. Where there are none, an item that may run waits for the next look of a timer,
   * 5 s at most, before it becomes buildable: this looks at once.
   */
  void hurryQueue() {
    if (isJenkins) return
    long now = System.currentTimeMillis()
    if (allItems().any { it instanceof Queue.WaitingItem && it.timestamp.getTimeInMillis() <= now }) instance.getQueue().maintain()
  }

  /** Unique for the life of the controller: Hudson counts its items anew at each start. */
  String itemId(Object item) { return isJenkins ? String.valueOf(item.getId()) : boot + '-' + item.id }

  /** The item's label expression; null: any node. */
  String labelOf(Object item) {
    Object label = isJenkins ? item.getAssignedLabel() : item.task.getAssignedLabel()
    return label == null ? null : label.getExpression()
  }

  long waitingSince(Object item) { return isJenkins ? item.getInQueueSince() : item.buildableStartMilliseconds }

  // --- nodes

  List<Node> nodes() { return new ArrayList<Node>(instance.getNodes()) }

  Node node(String name) { return (Node) instance.getNode(name) }

  static boolean isOurs(Node node) {
    String description = node == null ? null : node.getNodeDescription()
    return description != null && description.matches(DESCRIPTION + '[0-9]+')
  }

  /** Made of core types only, since it is saved. */
  void addNode(Map wanted, long epoch, boolean webSocket) {
    Node.Mode mode = wanted.exclusive == false ? Node.Mode.NORMAL : Node.Mode.EXCLUSIVE
    JNLPLauncher launcher = new JNLPLauncher()
    if (can(launcher, 'setWebSocket', 1)) launcher.setWebSocket(webSocket)
    String description = DESCRIPTION + epoch
    Node node
    if (DumbSlave.getConstructors().any { it.getParameterTypes().length == 3 }) {
      node = new DumbSlave(wanted.name, wanted.remoteDirectory, launcher)
      node.setNodeDescription(description)
      node.setNumExecutors(1)
      node.setMode(mode)
      node.setLabelString(wanted.labels)
      node.setRetentionStrategy(RetentionStrategy.NOOP)
    } else
      node = new DumbSlave(wanted.name, description, wanted.remoteDirectory, '1', mode, wanted.labels, launcher, RetentionStrategy.NOOP, [])
    instance.addNode(node)
  }

  void removeNode(Node node) { instance.removeNode(node) }

  static void setAccepting(Computer computer, boolean accepting) {
    if (computer != null && can(computer, 'setAcceptingTasks', 1)) computer.setAcceptingTasks(accepting)
  }

  /** One-off executors included. One that died keeps what it ran at that moment, and runs it no more. */
  static List<Executor> executorsOf(Computer computer) {
    List<Executor> all = new ArrayList<Executor>(computer.getExecutors())
    all.addAll(computer.getOneOffExecutors())
    return all.findAll { it.getCauseOfDeath() == null }
  }

  /** To be asked under the queue's lock. Hudson's executors learn of their item only after the lock is free: it is pending meanwhile. */
  boolean runsNothing(Computer computer) {
    if (computer == null) return true
    if (!isJenkins && !pendingItems().isEmpty()) return false
    return executorsOf(computer).every { it.isIdle() }
  }

  /** Whether a planned stop has to wait for what the executor runs; a step that is resumed after a restart need not be waited for. */
  static boolean delaysStop(Executor executor) {
    if (!executor.isBusy()) return false
    Object asynchronous = can(executor, 'getAsynchronousExecution', 0) ? executor.getAsynchronousExecution() : null
    return asynchronous == null || asynchronous.blocksRestart()
  }

  // --- builds

  /** The build behind what an executor runs: itself, or the one that a step belongs to; null where there is none. */
  static Run buildOf(Object executable) {
    Object each = executable
    for (int depth = 0; depth < 10 && each != null && !(each instanceof Run); depth++)
      each = can(each, 'getParentExecutable', 0) ? each.getParentExecutable() : null
    return each instanceof Run ? (Run) each : null
  }

  static String jobOf(Run build) { return ManorBounds.cut(build.getParent().getFullName(), ManorBounds.LONG_TEXT) }

  /** The queue item a build came from, to be asked while it runs; null where it cannot be told. */
  String itemOf(Run build) {
    if (can(build, 'getQueueId', 0)) {
      long id = build.getQueueId()
      return id > 0 ? String.valueOf(id) : null
    }
    Object unit = build.getExecutor() == null ? null : build.getExecutor().getCurrentWorkUnit()
    return unit == null ? null : itemId(unit.context.item)
  }

  /** Name of the node it runs on, or ran on; empty for the built-in node. At its beginning only its executor knows. */
  static String nodeOf(Run build) {
    Executor executor = build.getExecutor()
    if (executor != null) return executor.getOwner().getName()
    return can(build, 'getBuiltOnStr', 0) ? build.getBuiltOnStr() ?: '' : ''
  }

  // --- quiet-down

  boolean isQuieting() { return instance.isQuietingDown() }

  void quiet(String reason) {
    if (can(instance, 'doQuietDown', 3)) instance.doQuietDown(false, 0, reason)
    else instance.doQuietDown()
  }

  void cancelQuiet() { instance.doCancelQuietDown() }

  // --- extensions

  /** Puts an extension of ours in place of those that an earlier run of this script left. */
  void register(Class point, Object extension) {
    List list = instance.getExtensionList(point)
    List stale = list.findAll { it.getClass().getName() == extension.getClass().getName() }
    list.add(extension)
    stale.each { list.remove((Object) it) }
  }
}

/** Secures an instance. Idempotent; throws where the result would let anybody in. */
class ManorSecurity {
  /**
   * Hudson's, in place of crumbs, which it would ask of programs too: a browser says with each form which page sent it, and one of another
   * site is refused. Programs say nothing of the kind, and carry no session that a page could borrow. Compiled where it is used: today's
   * Jenkins has these types under another name.
   */
  static final String FOREIGN_FORMS = '''
    class ManorForeignForms implements javax.servlet.Filter {
      void init(javax.servlet.FilterConfig config) {}
      void destroy() {}
      void doFilter(javax.servlet.ServletRequest request, javax.servlet.ServletResponse response, javax.servlet.FilterChain chain) {
        if (isForeign(request)) response.sendError(403, 'This form was sent by a page of another site.')
        else chain.doFilter(request, response)
      }
      private static boolean isForeign(Object request) {
        if (request.getMethod() in ['GET', 'HEAD', 'OPTIONS']) return false
        String page = request.getHeader('Origin') ?: request.getHeader('Referer')
        if (page == null) return false
        String authority = page.replaceFirst('^[A-Za-z][A-Za-z0-9+.-]*://', '').replaceFirst('[/?#].*', '')
        return ![request.getHeader('Host'), request.getHeader('X-Forwarded-Host')].any { authority.equalsIgnoreCase(it) }
      }
    }
    ManorForeignForms
  '''

  final ManorFamily family
  final Map policy

  ManorSecurity(ManorFamily family, Map policy) {
    this.family = family
    this.policy = policy
  }

  void secure() {
    Object instance = family.instance
    Object bulk = ManorFamily.optionalClass('hudson.BulkChange').newInstance([instance] as Object[])
    try {
      Object realm = ensureRealm(instance)
      ensureAdmin(realm)
      denyAnonymous(instance)
      refuseForeignForms(instance)
      if (instance.getNumExecutors() != 0) instance.setNumExecutors(0)
      ensureAgentPort(instance)
      // Saves once, whatever was set.
      bulk.commit()
    } finally {
      bulk.abort()
    }
    ensureRootUrl()
    verify(instance)
  }

  private Object ensureRealm(Object instance) {
    Class type = ManorFamily.optionalClass('hudson.security.HudsonPrivateSecurityRealm')
    Object realm = instance.getSecurityRealm()
    if (type.isInstance(realm) && !realm.allowsSignup()) return realm
    // No sign-up, no captcha; the third argument is the captcha's maker in Jenkins and "tell new users by mail" in Hudson.
    realm = family.isJenkins ? type.newInstance([false, false, null] as Object[]) : type.newInstance([false, false, false] as Object[])
    instance.setSecurityRealm(realm)
    return realm
  }

  private void ensureAdmin(Object realm) {
    String name = policy.admin.name
    Class userType = ManorFamily.optionalClass('hudson.model.User')
    Class detailsType = ManorFamily.optionalClass('hudson.security.HudsonPrivateSecurityRealm$Details')
    Object user = userType.get(name)
    Object details = user.getProperty(detailsType)
    // A new account ends the sessions of the old one, so it is only made where the password is not the right one already.
    boolean known = details != null && ManorFamily.can(details, 'isPasswordCorrect', 1) && details.isPasswordCorrect(policy.admin.password)
    if (!known) user = realm.createAccount(name, policy.admin.password)
    if (policy.admin.apiToken != null) ensureToken(user)
    user.save()
  }

  private void ensureToken(Object user) {
    Class type = ManorFamily.optionalClass('jenkins.security.ApiTokenProperty')
    if (type == null) return
    Object property = user.getProperty(type)
    if (property.matchesPassword(policy.admin.apiToken)) return
    property.getTokenList().findAll { it.name == 'manor' }.each { property.getTokenStore().revokeToken(it.uuid) }
    property.addFixedNewToken('manor', policy.admin.apiToken)
  }

  /** Everything for whoever has logged in, nothing for anybody else. */
  private void denyAnonymous(Object instance) {
    Object strategy = ManorFamily.optionalClass('hudson.security.FullControlOnceLoggedInAuthorizationStrategy').newInstance()
    if (ManorFamily.can(strategy, 'setAllowAnonymousRead', 1)) strategy.setAllowAnonymousRead(false)
    else {
      // Hudson's always lets anonymous visitors read; the same without that is a matrix with one entry.
      strategy = ManorFamily.optionalClass('hudson.security.GlobalMatrixAuthorizationStrategy').newInstance()
      strategy.add(ManorFamily.optionalClass('hudson.model.Hudson').ADMINISTER, 'authenticated')
    }
    instance.setAuthorizationStrategy(strategy)
  }

  /** Jenkins' crumbs; programs that show an API token need none. The client's address is no part of them: it changes on the way. */
  private void refuseForeignForms(Object instance) {
    if (!family.isJenkins) {
      addForeignFormsFilter()
      return
    }
    Class type = ManorFamily.optionalClass('hudson.security.csrf.DefaultCrumbIssuer')
    Object issuer = instance.getCrumbIssuer()
    if (!type.isInstance(issuer) || !issuer.isExcludeClientIPFromCrumb()) instance.setCrumbIssuer(type.newInstance([true] as Object[]))
  }

  /** Once in a program: it has no state, so that one of an earlier run is as good. */
  private void addForeignFormsFilter() {
    if (Boolean.getBoolean('manor.hook.filter')) return
    Class filter = (Class) new GroovyShell(getClass().getClassLoader()).evaluate(FOREIGN_FORMS)
    ManorFamily.optionalClass('hudson.util.PluginServletFilter').addFilter(filter.newInstance())
    System.setProperty('manor.hook.filter', 'true')
  }

  private void ensureAgentPort(Object instance) {
    int port = policy.agentPort as int
    if (ManorFamily.can(instance, 'setSlaveAgentPort', 1)) {
      if (instance.getSlaveAgentPort() != port) instance.setSlaveAgentPort(port)
      return
    }
    def field = instance.getClass().getDeclaredField('slaveAgentPort')
    field.setAccessible(true)
    field.setInt(instance, port)
    // While it starts, Hudson has no listener yet and opens it on that port by itself, after its init scripts.
    if (!family.isStarted()) return
    def listener = instance.tcpSlaveAgentListener
    if (listener != null && listener.configuredPort == port) return
    if (listener != null) listener.shutdown()
    Class type = ManorFamily.optionalClass('hudson.TcpSlaveAgentListener')
    instance.tcpSlaveAgentListener = port == -1 ? null : type.newInstance([port] as Object[])
  }

  private void ensureRootUrl() {
    if (policy.rootUrl == null) return
    String url = policy.rootUrl.endsWith('/') ? policy.rootUrl : policy.rootUrl + '/'
    Class location = ManorFamily.optionalClass('jenkins.model.JenkinsLocationConfiguration')
    Object holder = location != null ? location.get() : ManorFamily.optionalClass('hudson.tasks.Mailer').descriptor()
    if (holder.getUrl() == url) return
    if (location != null) holder.setUrl(url)
    else holder.setHudsonUrl(url)
    holder.save()
  }

  /** Believes the result, not the calls. */
  private void verify(Object instance) {
    Object acl = instance.getACL()
    Class type = family.type
    boolean open = family.isJenkins ? acl.hasPermission2(type.ANONYMOUS2, type.READ) : acl.hasPermission(type.ANONYMOUS, type.READ)
    if (open || !instance.isUseSecurity())
      throw new IllegalStateException('Anonymous visitors can still read: the authorization was not taken over.')
  }
}

/** Manor's side of the connection: where it is, how to ask it, how long to wait after a failure. */
class ManorLink {
  final Map policy
  final Map greeting
  /** How often a full report is due, as Manor said when it welcomed us. */
  volatile long reportInterval = ManorBounds.REPORT_INTERVAL
  /** Grows with each welcome: whoever remembers what Manor said before it must ask again. 0: not welcome yet. */
  volatile int welcomes = 0
  private volatile boolean welcome = false
  private volatile boolean reached = true
  private volatile String lastWritten = null
  /** Raised with each welcome: whoever has just learned of us knows nothing of the state yet. */
  private final ManorSignal welcomed

  ManorLink(Map policy, Map greeting, ManorSignal welcomed) {
    this.policy = policy
    this.greeting = greeting
    this.welcomed = welcomed
  }

  /** Where Manor is now. Its address changes when it restarts; the file, where there is one, has the new one. */
  String address() {
    if (policy.urlFile == null) return withoutSlash((String) policy.url)
    try {
      File file = new File((String) policy.urlFile)
      String written = file.isFile() ? file.getText('UTF-8').trim() : ''
      if (written.length() > 0) lastWritten = withoutSlash(written)
    } catch (IOException replaced) {
      // It is being replaced at this moment: what it said last holds until the next look.
    }
    return lastWritten == null ? withoutSlash((String) policy.url) : lastWritten
  }

  /** Changes whenever a Manor has started, also one that came back to its old address: each writes the file anew. */
  String sign() {
    return policy.urlFile == null ? address() : address() + ' since ' + new File((String) policy.urlFile).lastModified()
  }

  private static String withoutSlash(String address) {
    return address.endsWith('/') ? address.substring(0, address.length() - 1) : address
  }

  /** Asks Manor, which it greets first where it must. Throws ManorRefusal where the answer is no, IOException where there is none. */
  Object exchange(ManorLoop loop, String method, String path, Object body, int answerTimeout) {
    hello(loop)
    try {
      return request(loop, method, path, body, answerTimeout)
    } catch (ManorRefusal refusal) {
      if (ManorRefusal.is(refusal, 409)) welcome = false
      throw refusal
    }
  }

  private synchronized void hello(ManorLoop loop) {
    if (welcome) return
    Map answer = (Map) request(loop, 'POST', '/hook/v1/hello', greeting, ManorBounds.ANSWER_TIMEOUT)
    Object interval = answer == null ? null : answer.reportIntervalMs
    if (interval instanceof Number) reportInterval = Math.max(1000L, ((Number) interval).longValue())
    welcomes++
    welcome = true
    welcomed.raise()
  }

  /** One request, without a greeting. `loop`, if any, can cut it short. */
  Object request(ManorLoop loop, String method, String path, Object body, int answerTimeout) {
    byte[] content = body == null ? null : ManorJson.write(body).getBytes('UTF-8')
    Object connection = new URL(address() + path).openConnection()
    if (loop != null) loop.connection = connection
    try {
      Object answer = talk(connection, method, content, answerTimeout)
      if (!reached) ManorLog.info('Manor takes messages again.')
      reached = true
      return answer
    } catch (IOException failure) {
      // 409 only asks for a greeting.
      boolean isNews = reached && !(loop != null && loop.ending) && !ManorRefusal.is(failure, 409)
      if (isNews) ManorLog.warning('Manor does not take a message at ' + address() + '; it is asked again until it does', failure)
      if (isNews) reached = false
      throw failure
    } finally {
      if (loop != null) loop.connection = null
    }
  }

  private Object talk(Object connection, String method, byte[] content, int answerTimeout) {
    set(connection, 'setConnectTimeout', ManorBounds.CONNECT_TIMEOUT)
    set(connection, 'setReadTimeout', answerTimeout)
    set(connection, 'setUseCaches', false)
    set(connection, 'setInstanceFollowRedirects', false)
    set(connection, 'setRequestMethod', method)
    ManorReach.call(HttpURLConnection, connection, 'setRequestProperty', 'Authorization', 'Bearer ' + policy.token)
    ManorReach.call(HttpURLConnection, connection, 'setRequestProperty', 'Accept', 'application/json')
    if (content != null) {
      ManorReach.call(HttpURLConnection, connection, 'setRequestProperty', 'Content-Type', 'application/json')
      set(connection, 'setDoOutput', true)
      OutputStream out = new BufferedOutputStream((OutputStream) ManorReach.call(HttpURLConnection, connection, 'getOutputStream'))
      out.write(content, 0, content.length)
      out.close()
    }
    int status = (int) ManorReach.call(HttpURLConnection, connection, 'getResponseCode')
    String text = readAll(ManorReach.call(HttpURLConnection, connection, status < 400 ? 'getInputStream' : 'getErrorStream'))
    if (status >= 300) throw new ManorRefusal(status, text)
    try {
      return text.trim().length() == 0 ? null : ManorJson.read(text)
    } catch (IllegalArgumentException malformed) {
      throw new IOException('Something that is not Manor answers: ' + malformed.getMessage())
    }
  }

  private static void set(Object connection, String setter, Object value) {
    ManorReach.call(HttpURLConnection, connection, setter, value)
  }

  private static String readAll(Object stream) {
    if (stream == null) return ''
    InputStream from = new BufferedInputStream((InputStream) stream)
    try {
      ByteArrayOutputStream all = new ByteArrayOutputStream()
      byte[] chunk = new byte[8192]
      for (int count = from.read(chunk, 0, chunk.length); count >= 0; count = from.read(chunk, 0, chunk.length)) {
        all.write(chunk, 0, count)
        if (all.size() > ManorBounds.ANSWER_BYTES) throw new IOException('An answer has more than ' + ManorBounds.ANSWER_BYTES + ' bytes.')
      }
      return all.toString('UTF-8')
    } finally {
      from.close()
    }
  }

  /** Waits after the `failures`th failure in a row, with jitter; a file that a new Manor has written ends the wait. */
  void pause(ManorLoop loop, int failures, Throwable failure) {
    // A greeting that is asked for again needs no wait, at first.
    if (ManorRefusal.is(failure, 409) && failures == 1) return
    double doubled = Math.min(ManorBounds.LAST_RETRY, ManorBounds.FIRST_RETRY * Math.pow(2, Math.min(failures - 1, 10)))
    double ceiling = ManorRefusal.is(failure, 401) ? ManorBounds.REVOKED_RETRY : doubled
    long end = System.nanoTime() + (long) (ceiling * (0.5d + 0.5d * Math.random()) * 1000000L)
    String from = sign()
    while (!loop.ending && System.nanoTime() < end && sign() == from) Thread.sleep(50L)
  }
}

/** Manor answered, and not with what was asked for. */
class ManorRefusal extends IOException {
  final int status

  ManorRefusal(int status, String text) {
    super('HTTP ' + status + ' ' + ManorBounds.cut(text, 300))
    this.status = status
  }

  static boolean is(Throwable failure, int status) { return failure instanceof ManorRefusal && ((ManorRefusal) failure).status == status }
}

/** One of our daemon threads: does its turn again and again, and pauses after a failure. Ended by a later run of this script. */
class ManorLoop extends Thread {
  static final String PREFIX = 'manor hook: '

  final ManorHook hook
  private final Closure turn
  volatile boolean ending = false
  /** What it waits for Manor on, so that it can be cut short. */
  volatile Object connection = null

  ManorLoop(String name, ManorHook hook, Closure turn) {
    super(PREFIX + name)
    this.hook = hook
    this.turn = turn
    setDaemon(true)
  }

  void run() {
    int failures = 0
    ManorFamily.becomeSystem()
    while (!ending) {
      try {
        turn.call(this)
        failures = 0
      } catch (InterruptedException ended) {
        ending = true
      } catch (Throwable failure) {
        if (ending) return
        failures++
        // The link has logged that Manor is away, once; anything else is a defect or a fault of the controller.
        if (!(failure instanceof IOException)) ManorLog.warning('The thread ' + getName() + ' goes on after', failure)
        try {
          hook.link.pause(this, failures, failure)
        } catch (InterruptedException ended) {
          ending = true
        }
      }
    }
  }

  /** Asks the thread to end, whatever it waits for. */
  void end() {
    ending = true
    interrupt()
    Object waitsOn = connection
    if (waitsOn != null) ManorReach.call(HttpURLConnection, waitsOn, 'disconnect')
  }

  /** Ends the threads of an earlier run. Its classes are not ours, but its methods have the same names. */
  static void endEarlier() {
    List earlier = []
    for (Object thread : Thread.getAllStackTraces().keySet())
      if (String.valueOf(ManorReach.call(Thread, thread, 'getName')).startsWith(PREFIX)) earlier << thread
    // The JDK sends a request whose connection was cut once more by itself, so that one cut may not be enough.
    for (int round = 0; round < 20 && !earlier.isEmpty(); round++) {
      earlier.each { it.end() }
      earlier.each { it.join(50L) }
      earlier = earlier.findAll { it.isAlive() }
    }
  }
}

/** Events that Manor has not acknowledged yet: numbered, the oldest dropped where there are too many. */
class ManorEvents {
  final int limit
  private final LinkedList<Map> waiting = new LinkedList<Map>()
  private long seq = 0
  private long dropped = 0
  final ManorSignal signal = new ManorSignal()

  ManorEvents(int limit) { this.limit = limit }

  void add(Map event) {
    synchronized (this) {
      Map numbered = new LinkedHashMap()
      numbered.put('seq', ++seq)
      numbered.put('at', System.currentTimeMillis())
      event.each { key, value -> if (value != null) numbered.put(key, value) }
      waiting.addLast(numbered)
      if (waiting.size() > limit) {
        waiting.removeFirst()
        dropped++
      }
    }
    signal.raise()
  }

  synchronized List<Map> batch(int most) { return new ArrayList<Map>(waiting.subList(0, Math.min(most, waiting.size()))) }

  synchronized void acknowledge(long upTo) {
    while (!waiting.isEmpty() && ((Number) waiting.getFirst().get('seq')).longValue() <= upTo) waiting.removeFirst()
  }

  synchronized long getDropped() { return dropped }

  synchronized int size() { return waiting.size() }
}

/**
 * The nodes that Manor asked for: makes them, keeps a second build off those that were used, removes those that are not needed. A node has
 * one build; its name is written down when the build begins, so that neither a restart nor a second run of this script gives it another.
 */
class ManorNodes {
  final ManorFamily family
  final Map policy
  final ManorSignal signal = new ManorSignal()
  /** What Manor wants, as it said last; null until it has said so in this session: until then nothing is removed. */
  volatile Map wanted = null
  volatile long appliedRevision = -1
  /** Oldest first. Whoever goes through it holds its lock. */
  private final Set<String> used = Collections.synchronizedSet(new LinkedHashSet<String>())
  private final Set<String> usedBefore
  /** Nodes that are about to be removed: no item may be given to them. */
  private final Set<String> closing = Collections.newSetFromMap(new java.util.concurrent.ConcurrentHashMap<String, Boolean>())
  private final Set<String> continuing = Collections.newSetFromMap(new java.util.concurrent.ConcurrentHashMap<String, Boolean>())
  /** Why nodes could not be made, by name. */
  final Map<String, String> problems = new java.util.concurrent.ConcurrentHashMap<String, String>()
  private final File usedFile
  private final long startedNanos = System.nanoTime()
  /** Nodes whose build has ended, or is about to: until they are gone they are looked at often, and alone. */
  private final Set<String> ending = Collections.newSetFromMap(new java.util.concurrent.ConcurrentHashMap<String, Boolean>())
  private volatile boolean passDue = true
  private long passedNanos = 0

  ManorNodes(ManorFamily family, Map policy) {
    this.family = family
    this.policy = policy
    usedFile = new File((File) family.instance.getRootDir(), 'manor-used-nodes.txt')
    if (usedFile.isFile()) usedFile.getText('UTF-8').split('\n').each { if (it.trim().length() > 0) used.add(it.trim()) }
    usedBefore = new HashSet<String>(used)
  }

  boolean isUsed(String name) { return used.contains(name) }

  /** A build begins on a node. Called on the executor's thread, without the queue's lock. */
  void began(Executor executor) {
    if (executor == null || executor instanceof OneOffExecutor) return
    Computer computer = executor.getOwner()
    Node node = computer.getNode()
    if (!ManorFamily.isOurs(node)) return
    ManorFamily.setAccepting(computer, false)
    if (used.add(node.getNodeName())) writeUsed()
  }

  /** A build has ended, or is about to. `goesOn`: it will be resumed on its node after a restart. */
  void ended(Executor executor, boolean goesOn) {
    Node node = executor == null ? null : executor.getOwner().getNode()
    if (!ManorFamily.isOurs(node)) return
    if (goesOn) continuing.add(node.getNodeName())
    else ending.add(node.getNodeName())
    signal.raise()
  }

  /** Something else than the end of a build has happened that a whole pass should see soon. */
  void wake() {
    passDue = true
    signal.raise()
  }

  /** Whether the node may be given an item with that label. Called under the queue's lock. */
  boolean mayTake(String node, String label) {
    if (closing.contains(node)) return false
    return !used.contains(node) || node == label
  }

  /** Waits for something to do and does it. Says whether something changed. */
  boolean keep() {
    signal.await(ending.isEmpty() ? ManorBounds.NODES_POLL : ManorBounds.ENDING_POLL)
    if (wanted == null || family.isEnding()) return false
    boolean whole = passDue || System.nanoTime() - passedNanos >= ManorBounds.NODES_POLL * 1000000L
    if (!whole) return removeEnded()
    passDue = false
    passedNanos = System.nanoTime()
    return reconcile(wanted)
  }

  /** The quick part of a pass, for the moments in which builds end one after another: costs by what ends, not by what is there. */
  private boolean removeEnded() {
    boolean changed = false
    for (String name : new ArrayList<String>(ending)) {
      Node node = family.node(name)
      boolean stays = node == null || !hasEnded(name) || !ManorReport.awaitedNodes(family, [name] as Set).isEmpty()
      boolean removed = !stays && removeIfIdle(node)
      if (stays || removed) ending.remove(name)
      if (removed) changed = true
    }
    return changed
  }

  /** One pass: what is there against what is wanted. Costs by the number of nodes and of items in the queue. */
  private boolean reconcile(Map target) {
    boolean changed = applyQuiet(target)
    Map<String, Node> nodes = new LinkedHashMap<String, Node>()
    family.nodes().each { nodes.put(it.getNodeName(), it) }
    Set<String> wantedNames = new HashSet<String>()
    target.nodes.each { wantedNames.add((String) it.name) }

    Map found = [:]
    target.nodes.each { Map one -> if (ensure(one, nodes, found)) changed = true }
    Set<String> awaited = ManorReport.awaitedNodes(family, nodes.keySet())
    nodes.each { name, node ->
      boolean needless = ManorFamily.isOurs(node) && !awaited.contains(name) && (!wantedNames.contains(name) || hasEnded(name))
      if (needless && removeIfIdle(node)) changed = true
    }
    if (problems.keySet() != found.keySet()) changed = true
    problems.keySet().retainAll(found.keySet())
    problems.putAll(found)
    forgetUsed(wantedNames, nodes.keySet())
    if (problems.isEmpty() && appliedRevision != target.revision) {
      appliedRevision = ((Number) target.revision).longValue()
      changed = true
    }
    return changed
  }

  /** A quiet-down that a person began is a person's to end. */
  private boolean applyQuiet(Map target) {
    boolean ours = Boolean.getBoolean('manor.hook.quiet')
    if (target.quiet && !family.isQuieting()) {
      System.setProperty('manor.hook.quiet', 'true')
      family.quiet(target.quietReason == null ? 'Manor is about to stop this controller.' : String.valueOf(target.quietReason))
      return true
    }
    if (!target.quiet && ours) {
      System.clearProperty('manor.hook.quiet')
      if (family.isQuieting()) family.cancelQuiet()
      return true
    }
    return false
  }

  /** Makes a wanted node that is not there; one that was used is gone for good, since names are never used again. */
  private boolean ensure(Map one, Map<String, Node> nodes, Map found) {
    String name = one.name
    Node there = nodes.get(name)
    if (there != null && !ManorFamily.isOurs(there))
      found.put(name, 'A node named ' + name + ' is there already, and it is not one of Manor\'s: rename or delete it.')
    if (there != null || used.contains(name)) return false
    try {
      family.addNode(one, ((Number) policy.epoch).longValue(), policy.agents == 'websocket')
      family.wakeQueue()
      return true
    } catch (Exception failure) {
      found.put(name, ManorBounds.cut(ManorLog.reason(failure), ManorBounds.TEXT))
      return false
    }
  }

  /** Whether the node has had its build. On one of an earlier start a Pipeline may resume for a while yet; Hudson knows none. */
  private boolean hasEnded(String name) {
    if (!used.contains(name) || continuing.contains(name)) return false
    if (!usedBefore.contains(name) || !family.isJenkins) return true
    return System.nanoTime() - startedNanos > ManorBounds.RESUME_GRACE * 1000000L
  }

  /** Shuts the gate first and looks then, so that no item can slip in between; opens it again where something runs. */
  private boolean removeIfIdle(Node node) {
    String name = node.getNodeName()
    Computer computer = node.toComputer()
    closing.add(name)
    try {
      boolean idle = family.withQueueLock { family.runsNothing(computer) }
      if (!idle) return false
      ManorFamily.setAccepting(computer, false)
      family.removeNode(node)
      return true
    } finally {
      closing.remove(name)
    }
  }

  /**
   * Names that neither Manor nor the controller knows any more are remembered for a while yet: a Manor that lost its last moments with the power
   * may want such a node again, and its agent would be given a second build.
   */
  private void forgetUsed(Set<String> wantedNames, Set<String> present) {
    List<String> old
    synchronized (used) { old = used.findAll { !wantedNames.contains(it) && !present.contains(it) } as List }
    List<String> forgotten = old.subList(0, Math.max(0, old.size() - ManorBounds.USED_NAMES))
    if (forgotten.isEmpty()) return
    used.removeAll(forgotten)
    continuing.removeAll(forgotten)
    writeUsed()
  }

  private synchronized void writeUsed() {
    File fresh = new File(usedFile.getPath() + '.new')
    synchronized (used) { fresh.setText(used.join('\n') + '\n', 'UTF-8') }
    if (!fresh.renameTo(usedFile)) throw new IOException('Could not write ' + usedFile + '.')
  }
}

/** The whole state of the controller, as the protocol's Report. */
class ManorReport {
  final ManorFamily family
  final ManorNodes nodes
  final ManorEvents events
  private long seq = 0
  private long measuredNanos = System.nanoTime()
  private long collectedMillis = collectionMillis()

  ManorReport(ManorFamily family, ManorNodes nodes, ManorEvents events) {
    this.family = family
    this.nodes = nodes
    this.events = events
  }

  /** Nodes are read before the queue: an item that starts in between is then seen as neither, never as both waiting and running. */
  Map build(String session) {
    List<Node> present = family.nodes()
    List nodeRows = present.findAll { ManorFamily.isOurs(it) }.collect { nodeRow(it) }
    int running = countRunning()
    Set<String> names = present.collect { it.getNodeName() } as Set
    List items = waitingItems(names)
    Set<String> awaited = awaitedNodes(family, names)
    nodeRows.each { if (awaited.contains(it.name)) it.awaited = true }
    new LinkedHashMap(nodes.problems).each { name, problem ->
      if (!nodeRows.any { it.name == name }) nodeRows << [name: name, online: false, used: false, problem: problem]
    }
    List itemRows = itemRows(items)
    return [
      session: session, seq: ++seq, at: System.currentTimeMillis(),
      items: itemRows, itemsLeftOut: items.size() - itemRows.size(),
      nodes: nodeRows.size() > ManorBounds.REPORT_NODES ? nodeRows.subList(0, ManorBounds.REPORT_NODES) : nodeRows,
      running: running, quieting: family.isQuieting(), appliedRevision: nodes.appliedRevision, load: load(),
    ]
  }

  /** What would change a report, told cheaply: for a family that has to be looked at. */
  String fingerprint() {
    StringBuilder print = new StringBuilder()
    family.nodes().each { node ->
      Computer computer = node.toComputer()
      print.append(node.getNodeName()).append(computer != null && computer.isOnline() ? '+' : '-')
      if (computer != null) print.append(computer.countBusy())
    }
    family.buildableItems().each { print.append(' ').append(it.id) }
    return print.append(family.isQuieting()).toString()
  }

  /** Names of nodes that an item of the queue, in whatever state, asks for by name: a build resumes there. */
  static Set<String> awaitedNodes(ManorFamily family, Set<String> names) {
    Set<String> awaited = new HashSet<String>()
    family.allItems().each {
      String label = family.labelOf(it)
      if (label != null && names.contains(label)) awaited.add(label)
    }
    return awaited
  }

  /** Oldest first. Flyweight tasks need no executor of a node, and an item that asks for a node by name needs no new one. */
  private List waitingItems(Set<String> names) {
    List items = family.buildableItems().findAll {
      !(it.task instanceof Queue.FlyweightTask) && !names.contains(family.labelOf(it))
    }
    return items.sort { family.waitingSince(it) }
  }

  /** As many as a report may hold, by number and by length. */
  private List itemRows(List items) {
    List rows = []
    int characters = 0
    for (Object item : items) {
      Map row = itemRow(item, rows.size() < ManorBounds.REASONS)
      characters += 100 + row.task.length() + (row.label ?: '').length() + (row.why ?: '').length()
      if (rows.size() == ManorBounds.REPORT_ITEMS || characters > ManorBounds.REPORT_CHARACTERS) break
      rows << row
    }
    return rows
  }

  private Map itemRow(Object item, boolean withReason) {
    Map row = [
      id: family.itemId(item),
      task: ManorBounds.cut(item.task.getFullDisplayName(), ManorBounds.LONG_TEXT),
      since: family.waitingSince(item),
    ]
    String label = family.labelOf(item)
    if (label != null) row.label = ManorBounds.cut(label, ManorBounds.TEXT)
    String why = withReason ? item.getWhy() : null
    if (why != null) row.why = ManorBounds.cut(why, ManorBounds.TEXT)
    return row
  }

  private Map nodeRow(Node node) {
    Computer computer = node.toComputer()
    List<Executor> executors = computer == null ? [] : ManorFamily.executorsOf(computer)
    Object executable = executors.collect { it.getCurrentExecutable() }.find { it != null }
    // What runs is known a moment before its listeners are called.
    boolean used = nodes.isUsed(node.getNodeName()) || (computer != null && computer.countBusy() > 0)
    Map row = [name: node.getNodeName(), online: computer != null && computer.isOnline(), used: used]
    if (executable != null) row.building = buildRow(executable)
    return row
  }

  private static Map buildRow(Object executable) {
    Run build = ManorFamily.buildOf(executable)
    if (build != null) return [job: ManorFamily.jobOf(build), number: build.getNumber()]
    return [job: ManorBounds.cut(executable, ManorBounds.LONG_TEXT) ?: '', number: 0]
  }

  private int countRunning() {
    int running = 0
    family.instance.getComputers().each { computer ->
      ManorFamily.executorsOf(computer).each { if (ManorFamily.delaysStop(it)) running++ }
    }
    return running
  }

  private Map load() {
    Runtime runtime = Runtime.getRuntime()
    long megabyte = 1024L * 1024L
    long now = System.nanoTime()
    long collected = collectionMillis()
    double wallMillis = Math.max(1d, (now - measuredNanos) / 1000000d)
    double share = Math.min(1d, Math.max(0d, (collected - collectedMillis) / wallMillis))
    measuredNanos = now
    collectedMillis = collected
    return [
      heapUsedMb: (runtime.totalMemory() - runtime.freeMemory()).intdiv(megabyte),
      heapMaxMb: runtime.maxMemory().intdiv(megabyte),
      threads: ManorReach.call(java.lang.management.ThreadMXBean, management('getThreadMXBean'), 'getThreadCount'),
      gcShare: Math.round(share * 1000d) / 1000d,
      eventsDropped: events.getDropped(),
    ]
  }

  private static Object management(String getter) {
    return ManorReach.call(java.lang.management.ManagementFactory, null, getter)
  }

  private static long collectionMillis() {
    long total = 0
    for (Object bean : (List) management('getGarbageCollectorMXBeans')) {
      long time = (long) ManorReach.call(java.lang.management.GarbageCollectorMXBean, bean, 'getCollectionTime')
      if (time > 0) total += time
    }
    return total
  }
}

/** Builds' beginnings and ends, on every node. Called on the threads that run the builds. */
class ManorRunListener extends RunListener<Run> {
  private final ManorHook hook

  ManorRunListener(ManorHook hook) {
    super(Run)
    this.hook = hook
  }

  void onStarted(Run build, TaskListener listener) { hook.safely { hook.buildStarted(build) } }

  void onFinalized(Run build) { hook.safely { hook.buildFinished(build) } }
}

/** Nodes that come and go. */
class ManorComputerListener extends ComputerListener {
  private final ManorHook hook

  ManorComputerListener(ManorHook hook) { this.hook = hook }

  void onOnline(Computer computer, TaskListener listener) { hook.safely { hook.nodeChanged(computer, 'node-online', null) } }

  /** Hudson's. */
  void onOffline(Computer computer) { hook.safely { hook.nodeChanged(computer, 'node-offline', computer.getOfflineCause()) } }

  /** Jenkins'. */
  void onOffline(Computer computer, OfflineCause cause) { hook.safely { hook.nodeChanged(computer, 'node-offline', cause) } }
}

/** Tasks that executors take and leave. Only Jenkins calls it; there it comes before the build's own listeners. */
class ManorExecutorListener implements ExecutorListener {
  private final ManorHook hook

  ManorExecutorListener(ManorHook hook) { this.hook = hook }

  void taskAccepted(Executor executor, Queue.Task task) {
    hook.safely {
      hook.nodes.began(executor)
      hook.changed.raise()
    }
  }

  void taskCompleted(Executor executor, Queue.Task task, long durationMillis) { left(executor) }

  void taskCompletedWithProblems(Executor executor, Queue.Task task, long durationMillis, Throwable problems) { left(executor) }

  private void left(Executor executor) {
    hook.safely {
      Object executable = executor.getCurrentExecutable()
      boolean goesOn = executable != null && ManorFamily.can(executable, 'willContinue', 0) && executable.willContinue()
      hook.nodes.ended(executor, goesOn)
      hook.changed.raise()
    }
  }
}

/** Keeps items off nodes that have had their build, or are about to be removed. Called under the queue's lock. */
class ManorGate extends QueueTaskDispatcher {
  private final ManorHook hook

  ManorGate(ManorHook hook) { this.hook = hook }

  CauseOfBlockage canTake(Node node, Queue.Task task) {
    String name = node.getNodeName()
    Object label = task.getAssignedLabel()
    return hook.nodes.mayTake(name, label == null ? null : label.getName()) ? null : new CauseOfBlockage.BecauseNodeIsBusy(node)
  }
}

/** Wires the parts and runs their threads. */
class ManorHook {
  /** Jenkins has queue events, Hudson has not even the class: so this one is only compiled where it exists. */
  static final String QUEUE_LISTENER = '''
    class ManorQueueListener extends hudson.model.queue.QueueListener {
      private final Object changed
      ManorQueueListener(Object changed) { this.changed = changed }
      void onEnterBuildable(hudson.model.Queue.BuildableItem item) { changed.raise() }
      void onLeaveBuildable(hudson.model.Queue.BuildableItem item) { changed.raise() }
      void onLeft(hudson.model.Queue.LeftItem item) { changed.raise() }
    }
    ManorQueueListener
  '''

  final ManorFamily family
  final Map policy
  final String session = UUID.randomUUID().toString().replace('-', '')
  final ManorLink link
  final ManorEvents events = new ManorEvents(ManorBounds.EVENTS)
  final ManorNodes nodes
  final ManorReport reports
  /** Raised by whatever changes what a report would say. */
  final ManorSignal changed = new ManorSignal()
  /** Items of builds that run, by build: the end of a build can no longer tell. */
  private final Map<String, String> items = new java.util.concurrent.ConcurrentHashMap<String, String>()
  /** Nodes that are online: a node that goes is told of once, though listeners are called at each step of it. */
  private final Set<String> online = Collections.newSetFromMap(new java.util.concurrent.ConcurrentHashMap<String, Boolean>())

  private int greeted = 0
  private long knownRevision = -1
  private String lastPrint = ''
  private long reportedNanos = 0

  ManorHook(ManorFamily family, Map policy) {
    this.family = family
    this.policy = policy
    this.link = new ManorLink(policy, greeting(family, policy, session, null), changed)
    this.nodes = new ManorNodes(family, policy)
    this.reports = new ManorReport(family, nodes, events)
  }

  static Map greeting(ManorFamily family, Map policy, String session, String problem) {
    Map greeting = [session: session, epoch: policy.epoch, distribution: family.getName(), version: family.version]
    greeting.secured = problem == null
    if (problem != null) greeting.problem = ManorBounds.cut(problem, ManorBounds.LONG_TEXT)
    return greeting
  }

  void start() {
    ManorLoop.endEarlier()
    family.instance.getComputers().each { if (it.isOnline()) online.add(it.getName()) }
    family.register(RunListener, new ManorRunListener(this))
    family.register(ComputerListener, new ManorComputerListener(this))
    family.register(QueueTaskDispatcher, new ManorGate(this))
    if (family.isJenkins) {
      family.register(ExecutorListener, new ManorExecutorListener(this))
      Class listener = (Class) new GroovyShell(getClass().getClassLoader()).evaluate(QUEUE_LISTENER)
      family.register(ManorFamily.optionalClass('hudson.model.queue.QueueListener'), listener.newInstance([changed] as Object[]))
    }
    [
      new ManorLoop('wanted', this, { ManorLoop loop -> askWanted(loop) }),
      new ManorLoop('report', this, { ManorLoop loop -> report(loop) }),
      new ManorLoop('nodes', this, { ManorLoop loop -> keepNodes(loop) }),
      new ManorLoop('events', this, { ManorLoop loop -> sendEvents(loop) }),
    ].each { it.start() }
  }

  /** A listener of ours may fail, the build it listens to may not. */
  void safely(Closure work) {
    try {
      work.call()
    } catch (Throwable failure) {
      ManorLog.warning('A listener of the hook failed', failure)
    }
  }

  // --- what listeners tell

  void buildStarted(Run build) {
    nodes.began(build.getExecutor())
    String item = family.itemOf(build)
    if (item != null) items.put(build.getExternalizableId(), item)
    events.add([
      type: 'build-started', node: ManorFamily.nodeOf(build), job: ManorFamily.jobOf(build), number: build.getNumber(), item: item,
    ])
    changed.raise()
  }

  void buildFinished(Run build) {
    String item = items.remove(build.getExternalizableId())
    events.add([
      type: 'build-finished', node: ManorFamily.nodeOf(build), job: ManorFamily.jobOf(build), number: build.getNumber(), item: item,
      result: build.getResult() == null ? null : String.valueOf(build.getResult()), durationMs: build.getDuration(),
    ])
    nodes.ended(build.getExecutor(), false)
    changed.raise()
  }

  void nodeChanged(Computer computer, String type, Object cause) {
    String name = computer.getName()
    boolean isNews = type == 'node-online' ? online.add(name) : online.remove(name)
    if (isNews && name != '') events.add([type: type, node: name, cause: ManorBounds.cut(cause, ManorBounds.TEXT)])
    if (type == 'node-online') family.wakeQueue()
    nodes.wake()
    changed.raise()
  }

  // --- what the threads do, a turn at a time

  private void awaitStarted(ManorLoop loop) {
    while (!loop.ending && !family.isStarted()) Thread.sleep(50L)
  }

  private void askWanted(ManorLoop loop) {
    // Another Manor, or one that starts anew, counts its revisions in its own way: what the last one said is asked for again.
    int before = link.welcomes
    if (greeted != before) knownRevision = -1
    String path = '/hook/v1/wanted?session=' + session + '&revision=' + knownRevision + '&wait=' + ManorBounds.POLL_SECONDS
    Map answer = (Map) link.exchange(loop, 'GET', path, null, (ManorBounds.POLL_SECONDS + 10) * 1000)
    greeted = before
    if (loop.ending || answer == null) return
    knownRevision = ((Number) answer.revision).longValue()
    nodes.wanted = answer
    nodes.wake()
  }

  private void keepNodes(ManorLoop loop) {
    awaitStarted(loop)
    if (!loop.ending && nodes.keep()) changed.raise()
  }

  private void report(ManorLoop loop) {
    awaitStarted(loop)
    long due = reportedNanos + link.reportInterval * 1000000L
    while (!loop.ending && reportedNanos != 0 && System.nanoTime() < due) {
      long left = Math.max(1L, (long) ((due - System.nanoTime()).intdiv(1000000L)))
      if (changed.await(family.isJenkins ? left : Math.min(left, ManorBounds.QUEUE_POLL))) break
      family.hurryQueue()
      if (!family.isJenkins && reports.fingerprint() != lastPrint) break
    }
    if (loop.ending) return
    Thread.sleep(ManorBounds.COALESCE)
    changed.await(0L)
    long began = System.nanoTime()
    if (!family.isJenkins) lastPrint = reports.fingerprint()
    Map report = reports.build(session)
    long tookMillis = (System.nanoTime() - began).intdiv(1000000L)
    reportedNanos = 0
    link.exchange(loop, 'PUT', '/hook/v1/report', report, ManorBounds.ANSWER_TIMEOUT)
    reportedNanos = System.nanoTime()
    // A long queue that changes all the time must not make the hook the controller's load: at most a fifth of a core.
    if (tookMillis > ManorBounds.COALESCE) Thread.sleep(4 * tookMillis)
  }

  private void sendEvents(ManorLoop loop) {
    if (events.size() == 0) events.signal.await(ManorBounds.REPORT_INTERVAL)
    List<Map> batch = events.batch(ManorBounds.EVENT_BATCH)
    if (batch.isEmpty() || loop.ending) return
    Map answer = (Map) link.exchange(loop, 'POST', '/hook/v1/events', [session: session, events: batch], ManorBounds.ANSWER_TIMEOUT)
    events.acknowledge(((Number) answer.acknowledged).longValue())
  }

  // --- the start

  /**
   * Secures the instance and starts the threads, or ends the program: it never serves open, nor unknown to Manor. A later run, from the
   * script console of one that serves already, only fails.
   */
  static void main() {
    boolean served = Boolean.getBoolean('manor.hook.secured')
    ManorFamily family = null
    Map policy = null
    try {
      policy = readPolicy()
      family = new ManorFamily()
      checkPolicy(policy)
      new ManorSecurity(family, policy).secure()
      new ManorHook(family, policy).start()
      System.setProperty('manor.hook.secured', 'true')
    } catch (Throwable failure) {
      String problem = 'The instance could not be secured and given to Manor: ' + ManorLog.reason(failure)
      if (served) throw new IllegalStateException(problem)
      try {
        ManorLog.warning(problem + ' It is halted', null)
        if (family != null) sayGoodbye(family, policy, problem)
      } finally {
        Runtime.getRuntime().halt(70)
      }
    }
  }

  private static void sayGoodbye(ManorFamily family, Map policy, String problem) {
    Map greeting = greeting(family, policy, UUID.randomUUID().toString().replace('-', ''), problem)
    try {
      new ManorLink(policy, greeting, new ManorSignal()).request(null, 'POST', '/hook/v1/hello', greeting, 3000)
    } catch (Throwable unsaid) {
      ManorLog.warning('Manor could not be told', unsaid)
    }
  }

  private static Map readPolicy() {
    String path = System.getProperty('manor.policy')
    if (path == null)
      throw new IllegalStateException('The system property manor.policy does not name the policy file; Manor sets it at each start.')
    Map policy = (Map) ManorJson.read(new File(path).getText('UTF-8'))
    ManorLog.secret = policy.token
    return policy
  }

  private static void checkPolicy(Map policy) {
    ['controller', 'epoch', 'url', 'token', 'agents', 'agentPort', 'admin'].each { demand(policy, '', it) }
    ['name', 'password'].each { demand((Map) policy.admin, 'admin.', it) }
    // It goes into a header; the JDK would quote a malformed one in its message.
    if (!policy.token.matches('[!-~]+'))
      throw new IllegalStateException('The token in the policy file has a character that no header may have.')
  }

  private static void demand(Map section, String path, String name) {
    if (section.get(name) == null)
      throw new IllegalStateException('The policy file does not say ' + path + name + '; Manor writes it at each start.')
  }
}

ManorHook.main()
