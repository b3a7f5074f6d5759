package hudson.model;

import jenkins.model.Jenkins;

public abstract class Run<JobT extends Job<JobT, RunT>, RunT extends Run<JobT, RunT>> {
    public abstract JobT getParent();

    public abstract int getNumber();

    public abstract Result getResult();

    public abstract long getQueueId();

    public long getDuration() {
        return 1234;
    }

    public String getExternalizableId() {
        return getParent().getFullName() + "#" + getNumber();
    }

    public Executor getExecutor() {
        for (Computer computer : Jenkins.getInstanceOrNull().getComputers())
            for (Executor executor : computer.getExecutors()) if (executor.getCurrentExecutable() == this) return executor;
        return null;
    }
}
