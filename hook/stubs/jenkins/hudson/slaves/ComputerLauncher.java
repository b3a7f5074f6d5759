package hudson.slaves;

public abstract class ComputerLauncher {}
