package hudson.model;

import jenkins.model.Jenkins;

public abstract class Node {
    public enum Mode {
        NORMAL,
        EXCLUSIVE
    }

    public abstract String getNodeName();

    public abstract String getNodeDescription();

    public abstract int getNumExecutors();

    public abstract Mode getMode();

    public abstract String getLabelString();

    public final Computer toComputer() {
        return Jenkins.getInstanceOrNull().computerOf(this);
    }
}
