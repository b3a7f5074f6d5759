package hudson.security.csrf;

public abstract class CrumbIssuer {}
