package jenkins.model;

import hudson.ExtensionList;
import hudson.init.InitMilestone;
import hudson.model.Computer;
import hudson.model.Node;
import hudson.model.Queue;
import hudson.model.Saveable;
import hudson.model.Slave;
import hudson.security.ACL;
import hudson.security.AuthorizationStrategy;
import hudson.security.FullControlOnceLoggedInAuthorizationStrategy;
import hudson.security.Permission;
import hudson.security.SecurityRealm;
import hudson.security.csrf.CrumbIssuer;
import hudson.slaves.ComputerListener;
import hudson.slaves.OfflineCause;
import hudson.slaves.SlaveComputer;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.security.core.Authentication;

public class Jenkins implements Saveable {
    public static String VERSION = "2.541.3";
    public static final Permission READ = new Permission();
    public static final Authentication ANONYMOUS2 = new Authentication() {};
    private static Jenkins instance;

    public volatile boolean terminating;
    public volatile InitMilestone initLevel = InitMilestone.JOB_CONFIG_ADAPTED;
    /** How often it was saved. */
    public volatile int saves;

    private final File root;
    private final Queue queue = new Queue();
    private final Map<Class<?>, ExtensionList<?>> extensions = new ConcurrentHashMap<>();
    private final Map<Node, Computer> computers = new LinkedHashMap<>();
    private SecurityRealm securityRealm;
    private AuthorizationStrategy authorizationStrategy;
    private CrumbIssuer crumbIssuer;
    private int numExecutors = 2;
    private int slaveAgentPort = 0;
    private volatile String quietDownReason;

    public Jenkins(File root) {
        this.root = root;
        instance = this;
    }

    public static Jenkins getInstanceOrNull() {
        return instance;
    }

    @SuppressWarnings("unchecked")
    public <T> ExtensionList<T> getExtensionList(Class<T> extensionType) {
        return (ExtensionList<T>) extensions.computeIfAbsent(extensionType, type -> new ExtensionList<T>());
    }

    public File getRootDir() {
        return root;
    }

    public InitMilestone getInitLevel() {
        return initLevel;
    }

    public boolean isTerminating() {
        return terminating;
    }

    public Queue getQueue() {
        return queue;
    }

    @Override
    public void save() throws IOException {
        saves++;
    }

    // Nodes

    public synchronized List<Node> getNodes() {
        return new ArrayList<>(computers.keySet());
    }

    public synchronized Node getNode(String name) {
        for (Node node : computers.keySet()) if (node.getNodeName().equals(name)) return node;
        return null;
    }

    public void addNode(Node node) throws IOException {
        if (node.getNodeName().contains("/")) throw new IllegalArgumentException("‘/’ is an unsafe character");
        synchronized (this) {
            computers.put(node, new SlaveComputer((Slave) node));
        }
    }

    public void removeNode(Node node) throws IOException {
        Computer computer = node.toComputer();
        synchronized (this) {
            computers.remove(node);
        }
        if (!computer.online) return;
        computer.online = false;
        OfflineCause cause = new OfflineCause.ChannelTermination(new IOException("removed"));
        for (ComputerListener listener : getExtensionList(ComputerListener.class)) listener.onOffline(computer, cause);
    }

    public synchronized Computer computerOf(Node node) {
        return computers.get(node);
    }

    public synchronized Computer[] getComputers() {
        return computers.values().toArray(new Computer[0]);
    }

    // Security

    public boolean isUseSecurity() {
        return securityRealm != null;
    }

    public SecurityRealm getSecurityRealm() {
        return securityRealm;
    }

    public void setSecurityRealm(SecurityRealm realm) {
        securityRealm = realm;
    }

    public AuthorizationStrategy getAuthorizationStrategy() {
        return authorizationStrategy;
    }

    public void setAuthorizationStrategy(AuthorizationStrategy strategy) {
        authorizationStrategy = strategy;
    }

    public CrumbIssuer getCrumbIssuer() {
        return crumbIssuer;
    }

    public void setCrumbIssuer(CrumbIssuer issuer) {
        crumbIssuer = issuer;
    }

    public ACL getACL() {
        return new ACL() {
            @Override
            public boolean hasPermission2(Authentication authentication, Permission permission) {
                return !(authorizationStrategy instanceof FullControlOnceLoggedInAuthorizationStrategy)
                        || ((FullControlOnceLoggedInAuthorizationStrategy) authorizationStrategy).isAllowAnonymousRead();
            }
        };
    }

    public int getNumExecutors() {
        return numExecutors;
    }

    public void setNumExecutors(int n) throws IOException {
        numExecutors = n;
    }

    public int getSlaveAgentPort() {
        return slaveAgentPort;
    }

    public void setSlaveAgentPort(int port) throws IOException {
        slaveAgentPort = port;
    }

    // Quiet-down

    public boolean isQuietingDown() {
        return quietDownReason != null;
    }

    public String getQuietDownReason() {
        return quietDownReason;
    }

    public Object doQuietDown(boolean block, int timeout, String message) {
        ACL.checkSystem();
        quietDownReason = message;
        return null;
    }

    public Object doCancelQuietDown() {
        ACL.checkSystem();
        quietDownReason = null;
        queue.scheduleMaintenance();
        return null;
    }
}
