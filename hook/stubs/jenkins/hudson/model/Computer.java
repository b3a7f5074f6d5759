package hudson.model;

import hudson.slaves.OfflineCause;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

public abstract class Computer {
    protected final Node node;
    public final List<Executor> executors = new CopyOnWriteArrayList<>();
    public final List<OneOffExecutor> oneOffExecutors = new CopyOnWriteArrayList<>();
    public volatile boolean online;
    public volatile OfflineCause offlineCause;

    protected Computer(Node node) {
        this.node = node;
        for (int number = 0; number < node.getNumExecutors(); number++) executors.add(new Executor(this, number));
    }

    public String getName() {
        return node.getNodeName();
    }

    public Node getNode() {
        return node;
    }

    public final boolean isOnline() {
        return online;
    }

    public boolean isAcceptingTasks() {
        return true;
    }

    public OfflineCause getOfflineCause() {
        return offlineCause;
    }

    public List<Executor> getExecutors() {
        return executors;
    }

    public List<OneOffExecutor> getOneOffExecutors() {
        return oneOffExecutors;
    }

    public final int countBusy() {
        return (int) executors.stream().filter(Executor::isBusy).count();
    }
}
