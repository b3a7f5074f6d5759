package hudson.slaves;

import hudson.model.Computer;

public abstract class RetentionStrategy<T extends Computer> {
    public static final RetentionStrategy<Computer> NOOP = new NoOp();

    private static final class NoOp extends RetentionStrategy<Computer> {}
}
