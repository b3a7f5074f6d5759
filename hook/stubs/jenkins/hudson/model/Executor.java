package hudson.model;

import jenkins.model.queue.AsynchronousExecution;

/** Runs nothing by itself: a test says when its build begins and ends. */
public class Executor extends Thread {
    private final Computer owner;
    public volatile Queue.BuildableItem workUnit;
    public volatile Queue.Executable executable;
    public volatile AsynchronousExecution asynchronousExecution;

    public Executor(Computer owner, int n) {
        this.owner = owner;
    }

    public Computer getOwner() {
        return owner;
    }

    public Queue.Executable getCurrentExecutable() {
        return executable;
    }

    public boolean isIdle() {
        return workUnit == null && executable == null;
    }

    public boolean isBusy() {
        return !isIdle();
    }

    public Throwable getCauseOfDeath() {
        return null;
    }

    public AsynchronousExecution getAsynchronousExecution() {
        return asynchronousExecution;
    }
}
