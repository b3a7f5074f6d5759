package hudson.model;

import hudson.slaves.ComputerLauncher;
import hudson.slaves.RetentionStrategy;
import java.io.IOException;

public abstract class Slave extends Node {
    private final String name;
    private final String remoteFS;
    private final ComputerLauncher launcher;
    private String description = "";
    private int numExecutors = 1;
    private Mode mode = Mode.NORMAL;
    private String label = "";
    private RetentionStrategy<?> retentionStrategy;

    protected Slave(String name, String remoteFS, ComputerLauncher launcher) {
        this.name = name;
        this.remoteFS = remoteFS;
        this.launcher = launcher;
    }

    @Override
    public String getNodeName() {
        return name;
    }

    public String getRemoteFS() {
        return remoteFS;
    }

    public ComputerLauncher getLauncher() {
        return launcher;
    }

    @Override
    public String getNodeDescription() {
        return description;
    }

    public void setNodeDescription(String value) {
        description = value;
    }

    @Override
    public int getNumExecutors() {
        return numExecutors;
    }

    public void setNumExecutors(int n) {
        numExecutors = n;
    }

    @Override
    public Mode getMode() {
        return mode;
    }

    public void setMode(Mode mode) {
        this.mode = mode;
    }

    @Override
    public String getLabelString() {
        return label;
    }

    public void setLabelString(String labelString) throws IOException {
        label = labelString;
    }

    public RetentionStrategy<?> getRetentionStrategy() {
        return retentionStrategy;
    }

    public void setRetentionStrategy(RetentionStrategy<?> strategy) {
        retentionStrategy = strategy;
    }
}
